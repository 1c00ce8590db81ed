"""The end of a session is told with the same commit that ends it (R7.1d)."""

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from auth_service.revocations import forget
from chassis.broker import connect, hear_on_every_replica, open_broker
from chassis.calls import ServiceCalls
from chassis.identity import SERVICE_HEADER
from chassis.ids import new_id, now
from journal_contracts.catalogue import GATEWAY
from journal_contracts.events import SessionRevoked

from .test_calls import served
from .test_sessions import ADA, ask, sign_in, told

WORD = {"password": ADA["password"]}


async def outbox(database_url: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("select body from outbox order by id")
    await connection.close()
    return [json.loads(row["body"]) for row in rows]


async def test_each_session_that_ends_is_told_of_once(door: Any, database_url: str) -> None:
    mine = [await sign_in(door) for _ in range(3)]

    await ask(door, "POST", "logout", mine[0]["access_token"])
    await ask(door, "POST", "logout-everywhere", mine[1]["access_token"])

    said = await outbox(database_url)
    assert [each["reason"] for each in said] == ["logout", *["logout_everywhere"] * 2]
    assert len({each["session_id"] for each in said}) == 3


async def test_a_session_whose_tokens_are_over_is_not_worth_a_word(
    door: Any, database_url: str
) -> None:
    here = await sign_in(door)
    connection = await asyncpg.connect(database_url)
    await connection.execute("update session set access_until = now() - interval '2 minutes'")
    await connection.close()

    await ask(door, "POST", "logout", here["access_token"])

    assert await outbox(database_url) == []
    assert told(await ask(door, "GET", "me", here["access_token"])) == (401, "session_ended")


async def test_services_ask_what_was_revoked_and_whether_a_token_holds(door: Any) -> None:
    here, there = await sign_in(door), await sign_in(door)
    await ask(door, "POST", "logout", there["access_token"])
    key = json.dumps(door.gateway_key.as_dict(private=True))

    async with (
        served(door.app) as url,
        ServiceCalls.open(GATEWAY, key, url) as calls,
    ):
        auth = await calls.client(url)
        page = (await auth.get("/v1/auth/revocations")).json()
        later = (await auth.get("/v1/auth/revocations", params={"since": page["at"]})).json()
        truths = [
            (await auth.post("/v1/auth/introspect", json={"token": token})).json()
            for token in (here["access_token"], there["access_token"], "a.b.c")
        ]
    nobody = await door.client.get("/v1/auth/revocations")
    user = await ask(door, "POST", "introspect", here["access_token"], json={"token": "x"})

    assert (len(page["revoked"]), later["revoked"], page["keys"][0]) == (1, [], "signing-1")
    assert truths == [
        {"active": True, "scope": "user"},
        {"active": False, "scope": ""},
        {"active": False, "scope": ""},
    ]
    assert (nobody.status_code, user.status_code) == (401, 401)


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("act", ["sign in", "refresh", "step up", "log out"])
async def test_an_end_is_told_whatever_a_replicas_own_clock_says(
    door: Any, database_url: str, clock: Callable[[float], None], act: str, hours: float
) -> None:
    """Told as it happens, to who asks what was since, and to who begins to hear now."""
    since = await asked(door)
    clock(hours if act == "sign in" else 0)
    here = await sign_in(door)
    clock(hours if act == "refresh" else 0)
    await door.client.post("/v1/auth/refresh", json={"refresh_token": here["refresh_token"]})
    clock(hours if act == "step up" else 0)
    stepped = await ask(door, "POST", "step-up", here["access_token"], json=WORD)
    clock(hours if act == "log out" else 0)
    out = await ask(door, "POST", "logout", stepped.json()["access_token"])
    clock(0)

    async with door.app.state.desk.database.transaction() as session:
        await forget(session)
    [said] = await outbox(database_url)
    assert out.status_code == 204
    for page in (await asked(door), await asked(door, since["at"])):
        assert [each["session_id"] for each in page["revoked"]] == [said["session_id"]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets every module of the service be off by so many hours, as if the machine were."""
    modules = [each for name, each in sys.modules.items() if name.startswith("auth_service.")]
    having = [each for each in modules if getattr(each, "now", None) is now]

    def turn(hours: float) -> None:
        for module in having:
            monkeypatch.setattr(module, "now", lambda: now() + timedelta(hours=hours))

    return turn


async def asked(door: Any, since: str | None = None) -> dict[str, Any]:
    """What the gateway is told."""
    own = door.app.state.desk.tokens.for_service(GATEWAY, new_id(), now())
    headers = {SERVICE_HEADER: f"Bearer {own}"}
    params = {"since": since} if since else {}
    answer = await door.client.get("/v1/auth/revocations", params=params, headers=headers)
    told: dict[str, Any] = answer.json()
    return told


class TestOnABroker:
    """With somebody who listens."""

    @pytest.fixture
    def broker_url(self, amqp_url: str) -> str:
        return amqp_url

    async def test_it_is_heard_and_the_row_is_gone(
        self, door: Any, amqp_url: str, database_url: str
    ) -> None:
        heard: asyncio.Queue[SessionRevoked] = asyncio.Queue()
        ear = connect(GATEWAY, amqp_url)
        hear_on_every_replica(ear, GATEWAY, SessionRevoked, heard.put)
        here = await sign_in(door)

        async with open_broker(ear), asyncio.timeout(20):
            await ask(door, "POST", "logout", here["access_token"])
            said = await heard.get()
            while await outbox(database_url):
                await asyncio.sleep(0.02)

        assert said.reason == "logout"
