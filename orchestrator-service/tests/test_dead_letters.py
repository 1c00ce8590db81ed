"""Dead letters on a real PostgreSQL and RabbitMQ: kept, shown to operators, sent back, dropped."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any
from uuid import UUID

import aio_pika
import httpx
import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from chassis import errors
from chassis.broker import DeadLetter, connect, hear, hear_the_dead, open_broker
from chassis.database import Database
from chassis.identity import AUDIENCE, ISSUER, SERVICE_HEADER, TOKEN_TYPE, Truth, Verifier, new_key
from chassis.ids import new_id
from chassis.testing import drain
from journal_contracts.catalogue import GATEWAY, MEDIA
from journal_contracts.commands import RegisterAssets
from journal_contracts.operating import DeadLetterChoice, DeadLetterClass, DeadLettersSettled
from orchestrator_service import operating
from orchestrator_service.auditing import Audit
from orchestrator_service.dead_letters import BrokerDidNotConfirm, Graveyard, dead_letters

HEARD = f"{MEDIA}.{RegisterAssets.name}"
JOURNAL, OPERATOR = UUID(int=1), UUID(int=9)
PATIENCE = 20
KEY = new_key("test")


def letter(**changes: Any) -> DeadLetter:
    """A command of a journal that its service could not obey."""
    told = RegisterAssets(
        journal_id=JOURNAL, user_id=UUID(int=2), phase="delivery", editions="a secret"
    )
    dead = DeadLetter(
        id=new_id(),
        service=MEDIA,
        queue=HEARD,
        name=RegisterAssets.name,
        reason="out_of_tries",
        error="LookupError",
        tries=5,
        redrives=0,
        body=told.model_dump_json().encode(),
        message_id=str(new_id()),
    )
    return replace(dead, **changes)


ALL = DeadLetterClass()


@pytest.fixture
def broker(amqp_url: str) -> RabbitBroker:
    return connect(MEDIA, amqp_url)


@pytest.fixture
def graveyard(database: Database, broker: RabbitBroker) -> Graveyard:
    return Graveyard(database, broker)


@pytest.fixture
async def emptied(amqp_url: str) -> AsyncIterator[None]:
    """The queues hold nothing before and after."""
    await drain(amqp_url)
    yield
    await drain(amqp_url)


async def ids(graveyard: Graveyard, **kind: str) -> list[UUID]:
    page = await graveyard.page(DeadLetterClass(**kind), None, 100, None)
    return [item.id for item in page.items]


# --- kept and shown -----------------------------------------------------------------------------


async def test_a_letter_heard_twice_is_one_row_with_all_that_is_known(graveyard: Graveyard) -> None:
    dead = letter()

    await graveyard.keep(dead)
    await graveyard.keep(replace(dead, tries=9))

    (item,) = (await graveyard.page(ALL, None, 10, None)).items
    assert (item.id, item.service, item.name, item.reason) == (
        dead.id,
        MEDIA,
        RegisterAssets.name,
        "out_of_tries",
    )
    assert (item.journal_id, item.error, item.tries) == (JOURNAL, "LookupError", 5)
    shown = await graveyard.show(dead.id)
    assert shown.body["phase"] == "delivery"
    assert shown.body["editions"] == "…(8 characters)"
    assert "secret" not in shown.model_dump_json()


async def test_what_is_unreadable_shows_only_its_size_and_checksum(graveyard: Graveyard) -> None:
    dead = letter(reason="unreadable", body=b'{"theme": "secret"}', subject=str(JOURNAL))
    await graveyard.keep(dead)
    await graveyard.keep(letter(reason="unreadable", body=b"\xff\0"))

    shown = await graveyard.show(dead.id)

    assert (shown.body, shown.bytes, shown.journal_id) == (None, 19, JOURNAL)
    assert len(await ids(graveyard)) == 2


async def test_a_list_has_pages_and_filters(graveyard: Graveyard) -> None:
    letters = [letter(service=f"service-{n % 2}", subject=None) for n in range(5)]
    for dead in letters:
        await graveyard.keep(dead)
    other = letter(body=b"{}", name="other.v1", reason="delivery_limit")
    await graveyard.keep(other)

    first = await graveyard.page(ALL, None, 2, None)
    second = await graveyard.page(ALL, None, 4, first.next)

    newest_first = [other.id, *(dead.id for dead in reversed(letters))]
    assert [item.id for item in (*first.items, *second.items)] == newest_first
    assert second.next is None
    assert await ids(graveyard, service="service-1") == [letters[3].id, letters[1].id]
    assert await ids(graveyard, name="other.v1", reason="delivery_limit") == [other.id]
    assert await ids(graveyard, name="other.v1", reason="unreadable") == []
    assert len((await graveyard.page(ALL, JOURNAL, 10, None)).items) == 5


async def test_the_gauge_tells_what_lies_where(graveyard: Graveyard) -> None:
    await graveyard.keep(letter())
    await graveyard.keep(letter())

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(graveyard.measure(), 0.5)

    found = {s.labels["service"]: s.value for s in next(iter(dead_letters.collect())).samples}
    assert (found[MEDIA], found[GATEWAY]) == (2, 0)


async def test_the_table_can_be_taken_back_and_made_again(
    graveyard: Graveyard, database: Database
) -> None:
    def downgrade(connection: Connection) -> None:
        config = Config()
        place = resources.files("orchestrator_service") / "migrations"
        config.set_main_option("script_location", str(place))
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")

    async with database.engine.begin() as connection:
        await connection.run_sync(downgrade)
    with pytest.raises(ProgrammingError):
        await graveyard.keep(letter())
    await database.migrate("orchestrator_service")

    await graveyard.keep(letter())


# --- sent back and dropped ----------------------------------------------------------------------


@pytest.mark.usefixtures("emptied")
async def test_a_letter_sent_back_is_heard_and_its_row_is_gone(
    graveyard: Graveyard, broker: RabbitBroker
) -> None:
    heard: asyncio.Queue[RegisterAssets] = asyncio.Queue()
    hear(broker, MEDIA, RegisterAssets, heard.put)
    one, other = letter(), letter()
    await graveyard.keep(one)
    await graveyard.keep(other)

    async with open_broker(broker):
        with capture_logs() as logs:
            done = await graveyard.redrive(DeadLetterChoice(id=one.id), OPERATOR)
        body = await asyncio.wait_for(heard.get(), PATIENCE)

    assert done == DeadLettersSettled(done=1)
    assert body == RegisterAssets.model_validate_json(one.body)
    assert await ids(graveyard) == [other.id]
    (told,) = (line for line in logs if line["event"] == "dead_letter_redriven")
    assert (told["by"], told["id"]) == (str(OPERATOR), str(one.id))


@pytest.mark.usefixtures("emptied")
async def test_a_class_is_sent_back_once_and_what_fails_again_comes_back_as_new_rows(
    graveyard: Graveyard, broker: RabbitBroker
) -> None:
    hear(broker, MEDIA, RegisterAssets, _never)
    hear_the_dead(broker, graveyard.keep)
    broken = [letter(reason="unreadable", body=b"broken") for _ in range(70)]
    for dead in broken:
        await graveyard.keep(dead)
    bystander = letter()
    await graveyard.keep(bystander)

    async with open_broker(broker):
        kind = DeadLetterChoice(service=MEDIA, reason="unreadable")
        done = await graveyard.redrive(kind, OPERATOR)
        async with asyncio.timeout(PATIENCE):
            while len(await ids(graveyard)) < 71:
                await asyncio.sleep(0.05)

    assert done == DeadLettersSettled(done=70)
    again = [item for item in (await graveyard.page(ALL, None, 100, None)).items if item.redrives]
    assert len(again) == 70
    assert {item.redrives for item in again} == {1}
    assert not {item.id for item in again} & {dead.id for dead in broken}
    assert bystander.id in await ids(graveyard)


async def test_without_the_brokers_word_no_row_goes(
    graveyard: Graveyard, broker: RabbitBroker
) -> None:
    dead, gone = letter(), letter(queue="gone")
    await graveyard.keep(dead)

    with pytest.raises(BrokerDidNotConfirm):  # it never was connected
        await graveyard.redrive(DeadLetterChoice(id=dead.id), OPERATOR)
    await graveyard.keep(gone)
    async with open_broker(broker):
        both = await graveyard.redrive(DeadLetterChoice(service=MEDIA), OPERATOR)

    assert both == DeadLettersSettled(done=1, left=1)
    assert await ids(graveyard) == [gone.id]


@pytest.mark.usefixtures("emptied")
async def test_two_operators_send_a_letter_back_once(
    graveyard: Graveyard, broker: RabbitBroker, amqp_url: str
) -> None:
    for _ in range(20):
        await graveyard.keep(letter())

    async with open_broker(broker):
        kind = DeadLetterChoice(service=MEDIA)
        both = await asyncio.gather(*(graveyard.redrive(kind, OPERATOR) for _ in range(2)))
        async with await aio_pika.connect(amqp_url) as connection:
            queue = await (await connection.channel()).declare_queue(HEARD, passive=True)

    assert sum(settled.done for settled in both) == 20
    assert queue.declaration_result.message_count == 20


async def test_what_is_dropped_is_gone_and_told_in_the_log(graveyard: Graveyard) -> None:
    one, other = letter(), letter(reason="unreadable")
    await graveyard.keep(one)
    await graveyard.keep(other)

    with capture_logs() as logs:
        done = await graveyard.drop(DeadLetterChoice(reason="unreadable"), OPERATOR)

    assert done == DeadLettersSettled(done=1)
    assert await ids(graveyard) == [one.id]
    (told,) = (line for line in logs if line["event"] == "dead_letter_dropped")
    assert (told["by"], told["id"], len(told["sha256"])) == (str(OPERATOR), str(other.id), 64)
    assert "secret" not in str(logs)


# --- over HTTP ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    """The routes, and tokens to ask them with."""

    http: httpx.AsyncClient

    async def told(
        self, method: str, path: str = "", *, scope: str = "user operator", **more: Any
    ) -> tuple[int, Any]:
        signed = {"Authorization": f"Bearer {_token(scope)}", **_from_gateway()}
        headers = more.pop("headers", signed)
        answer = await self.http.request(method, f"/v1/dead-letters{path}", headers=headers, **more)
        return answer.status_code, answer.json()


@pytest.fixture
async def door(graveyard: Graveyard) -> AsyncIterator[Door]:
    app = FastAPI()
    errors.install(app)
    app.include_router(operating.router)
    app.state.graveyard = graveyard
    auth = httpx.MockTransport(_auth)
    async with httpx.AsyncClient(transport=auth, base_url="http://auth.test") as client:
        app.state.verifier = Verifier(client, "http://auth.test")
        app.state.truth = Truth(client)
        app.state.audit = Audit(client)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield Door(http)


NOTED: list[Any] = []
"""In the audit; an act that is None there cannot be noted."""


def _auth(request: httpx.Request) -> httpx.Response:
    """The auth service: its keys, its audit, and a user who may do what the token says."""
    if request.url.path == "/v1/audit/acts":
        if NOTED == [None]:
            return httpx.Response(503)
        NOTED.append(json.loads(request.content))
        return httpx.Response(204)
    if not request.url.path.endswith("introspect"):
        return httpx.Response(200, json=KeySet([KEY]).as_dict(private=False))
    claims = jwt.decode(json.loads(request.content)["token"], KEY).claims
    return httpx.Response(200, json={"active": True, "scope": claims["scope"]})


PATHS = [
    ("GET", "", None),
    ("GET", f"/{JOURNAL}", None),
    ("POST", "/redrive", {"reason": "unreadable"}),
    ("POST", "/drop", {"reason": "unreadable"}),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_only_operators_get_past_and_only_through_the_gateway(
    door: Door, graveyard: Graveyard, method: str, path: str, body: dict[str, str] | None
) -> None:
    await graveyard.keep(letter(reason="unreadable"))
    anonymous = _from_gateway()
    direct = {"Authorization": f"Bearer {_token('user operator')}"}

    user = await door.told(method, path, scope="user", json=body)
    nobody = await door.told(method, path, headers=anonymous, json=body)
    behind = await door.told(method, path, headers=direct, json=body)

    assert (user[0], user[1]["code"]) == (403, "scope_missing")
    assert [answer[0] for answer in (nobody, behind)] == [401, 401]
    assert len(await ids(graveyard)) == 1


async def test_an_operator_lists_shows_and_drops(door: Door, graveyard: Graveyard) -> None:
    dead = letter()
    await graveyard.keep(dead)

    status, listed = await door.told("GET", f"?service={MEDIA}&journal={JOURNAL}&limit=1")
    _, shown = await door.told("GET", f"/{dead.id}")
    dropped = await door.told("POST", "/drop", json={"id": str(dead.id)})
    again = await door.told("POST", "/drop", json={"id": str(dead.id)})
    missing = await door.told("GET", f"/{dead.id}")

    assert (status, [item["id"] for item in listed["items"]]) == (200, [str(dead.id)])
    assert shown["body"]["phase"] == "delivery"
    assert dropped == (200, {"done": 1, "left": 0})
    assert [told[0] for told in (again, missing)] == [404, 404]


async def test_what_an_operator_does_is_noted_before_it_is_done(
    door: Door, graveyard: Graveyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R9.2d: and not done where nobody can note it."""
    dead = letter()
    await graveyard.keep(dead)
    choice = {"id": str(dead.id)}

    monkeypatch.setitem(globals(), "NOTED", [None])
    refused = [await door.told("POST", what, json=choice) for what in ("/drop", "/redrive")]
    monkeypatch.setitem(globals(), "NOTED", noted := [])
    dropped = await door.told("POST", "/drop", json=choice)

    assert [(s, told["code"]) for s, told in refused] == [(503, "audit_unavailable")] * 2
    assert dropped[0] == 200
    assert noted == [{"act": "dead_letters_dropped", "choice": choice}]


@pytest.mark.parametrize(
    "body", [{}, {"id": str(JOURNAL), "service": MEDIA}, {"service": ""}, {"all": True}]
)
async def test_everything_at_once_cannot_be_asked_for_by_mistake(
    door: Door, graveyard: Graveyard, body: dict[str, Any]
) -> None:
    await graveyard.keep(letter())

    for what in ("/redrive", "/drop"):
        status, told = await door.told("POST", what, json=body)
        assert (status, told["code"]) == (422, "invalid_request")
    assert len(await ids(graveyard)) == 1


@pytest.mark.parametrize("cursor", ["x", "~", f"2026-01-01~{JOURNAL}x", "2026~1"])
async def test_a_cursor_that_is_none_is_refused(door: Door, cursor: str) -> None:
    status, told = await door.told("GET", f"?cursor={cursor}")

    assert (status, told["code"]) == (422, "bad_cursor")


def _token(scope: str, sub: str = str(OPERATOR)) -> str:
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": sub,
        "sid": str(new_id()),
        "scope": scope,
        "exp": int(time.time()) + 60,
        "auth_time": int(time.time()),
    }
    return jwt.encode({"alg": "ES256", "typ": TOKEN_TYPE, "kid": "test"}, claims, KEY)


def _from_gateway() -> dict[str, str]:
    return {SERVICE_HEADER: f"Bearer {_token('service', GATEWAY)}"}


async def _never(body: RegisterAssets) -> None:
    raise AssertionError("this is no message")
