"""The end of a session is told with the same commit that ends it (R7.1d)."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from chassis.broker import connect, hear_on_every_replica, open_broker
from chassis.calls import ServiceCalls
from journal_contracts.catalogue import GATEWAY
from journal_contracts.events import SessionRevoked

from .test_calls import served
from .test_sessions import ask, sign_in, told


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
