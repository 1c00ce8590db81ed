"""What still works while something is away, hangs or is slow; `infra/docs/degradation.md` (R9.1c).

The page is this table: a test compares them, and every cell is tried on a gateway between real
Redis and RabbitMQ and played owners, each behind a wire of its own.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

import httpx
import pytest
import websockets
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.faults.proxy import Wire

from chassis.identity import new_key
from chassis.ids import new_id
from chassis.testing import Addresses
from gateway_service.app import build
from gateway_service.settings import Settings
from journal_contracts.realtime import SUBPROTOCOL

from .conftest import PlayedOwners, served

PAGE: Final = Path(__file__).parents[2] / "infra" / "docs" / "degradation.md"
JOURNAL: Final = UUID("0199f0a2-6c1e-7d4b-9a53-5f0e7c2b8d11")
PATIENCE: Final = 1.0
"""Seconds instead of ten, so that what hangs does not hold up the tests."""

State = Literal["down", "hung", "slow"]
ROWS: Final = (
    "sign in", "list", "state, known", "order", "answer a decision", "download", "keep a document",
    "ticket", "connect", "docs", "alive",
)  # fmt: skip
AWAY: Final[dict[str, frozenset[str]]] = {
    "Redis": frozenset({"sign in", "ticket", "connect"}),
    "RabbitMQ": frozenset({"connect"}),
    "orchestrator": frozenset({"list", "order", "answer a decision", "connect"}),
    "auth": frozenset({"sign in"}),
    "media": frozenset({"download", "keep a document"}),
}
"""What answers 503 (a socket: 1013) while this is down or hangs. Slow, everything works."""
WHY: Final = {
    "Redis": "Limits are counted by each replica; state comes from memory. Guesses of passwords"
    " would not be counted exactly, so nobody signs in; sockets have nothing to resume from.",
    "RabbitMQ": "Events wait in their outbox and arrive later. A new socket would hear nothing.",
    "orchestrator": "State that was asked before goes on with its events; the rest is not known.",
    "auth": "Who is signed in stays so until the token's end: tokens are checked here.",
    "media": "Journals go on: files are registered when media is back.",
}
HEAD: Final = """# What works while something is away

Checked by `gateway-service/tests/test_degradation.py`: every cell is tried, down and hung.
**503** comes with a `code` that says what is away and a `Retry-After`; a socket is told `bye` with
1013 and when to come back. What hangs is taken to be away after 10 s, Redis after 1 s. What is slow
makes answers slow and nothing else. When it is back everything works again within 30 s.

"""


def page() -> str:
    """The table for people."""
    lines = [f"| | {' | '.join(AWAY)} |", "|---" * (len(AWAY) + 1) + "|"]
    for row in ROWS:
        cells = ["**503**" if row in AWAY[name] else "works" for name in AWAY]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return HEAD + "\n".join([*lines, "", *(f"- **{name}**: {why}" for name, why in WHY.items())])


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text().rstrip() == page()


@dataclass(frozen=True)
class House:
    """A gateway, and the wires between it and everything else."""

    http: httpx.AsyncClient
    wires: dict[str, Wire]
    new_token: Callable[[], str]
    """Of somebody who was never here."""

    async def tried(self) -> dict[str, str]:
        """What each row comes to: works, away, or something nobody promised."""
        tried = await asyncio.gather(*(getattr(self, f"_{_name(row)}")() for row in ROWS))
        return dict(zip(ROWS, tried, strict=True))

    async def _ask(self, method: str, path: str, **more: Any) -> str:
        answer = await self.http.request(method, path, **more)
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["code"]
            return "away"
        return "works" if answer.is_success else f"{answer.status_code} {answer.text}"

    async def _sign_in(self) -> str:
        who = {"email": f"{new_id()}@example.org", "password": "a long pass phrase"}
        return await self._ask("POST", "/v1/auth/login", json=who)

    async def _list(self) -> str:
        return await self._ask("GET", "/v1/journals")

    async def _state_known(self) -> str:
        return await self._ask("GET", f"/v1/journals/{JOURNAL}/state")

    async def _order(self) -> str:
        headers = {"Idempotency-Key": new_id().hex}
        return await self._ask("POST", "/v1/journals", json={"theme": "calm"}, headers=headers)

    async def _answer_a_decision(self) -> str:
        path = f"/v1/journals/{JOURNAL}/decisions/title"
        return await self._ask("POST", path, json={"choice": {"option": "t1"}})

    async def _download(self) -> str:
        return await self._ask("GET", f"/v1/journals/{JOURNAL}/artifacts/journal.pdf")

    async def _keep_a_document(self) -> str:
        return await self._ask("PUT", "/v1/documents/a.md", content=b"words")

    async def _ticket(self) -> str:
        return await self._ask("POST", "/v1/rt/ticket")

    async def _connect(self) -> str:
        url = f"ws://{self.http.base_url.netloc.decode()}/v1/rt"
        async with websockets.connect(url, subprotocols=[SUBPROTOCOL], proxy=None) as socket:
            await socket.send(json.dumps({"t": "hello", "v": 1, "token": self.new_token()}))
            async with asyncio.timeout(12):
                async for told in socket:
                    frames = json.loads(told)
                    for frame in frames if isinstance(frames, list) else [frames]:
                        if frame["t"] == "snapshot":
                            return "works"
                        if frame["t"] == "bye":
                            assert frame["afterMs"] > 0
                            return "away" if frame["code"] == 1013 else str(frame)
        return "hung up"

    async def _docs(self) -> str:
        return await self._ask("GET", "/docs")

    async def _alive(self) -> str:
        return await self._ask("GET", "/livez")


def _name(row: str) -> str:
    return row.replace(",", "").replace(" ", "_")


@pytest.fixture
async def house(
    addresses: Addresses, redis_url: str, journal: Callable[..., Any]
) -> AsyncIterator[House]:
    """All wires carry, and every answer was given once."""
    played = PlayedOwners()
    played.answering = _answering(journal().model_copy(update={"id": JOURNAL}))
    user = new_id()
    async with contextlib.AsyncExitStack() as stack:
        owners = await stack.enter_async_context(served(played.app()))
        wires = {name: Wire(owners) for name in ("orchestrator", "auth", "media")}
        wires |= {"Redis": Wire(redis_url), "RabbitMQ": Wire(addresses.amqp)}
        urls = {name: await wire.open() for name, wire in wires.items()}
        for wire in wires.values():
            stack.push_async_callback(wire.close)
        app = build(
            Settings(
                port=1,
                amqp_url=urls["RabbitMQ"],
                auth_url=urls["auth"],
                redis_url=urls["Redis"],
                orchestrator_url=urls["orchestrator"],
                media_url=urls["media"],
                workers_url=urls["media"],
                service_key=json.dumps(new_key("gateway-service").as_dict(private=True)),
            )
        )
        url = await stack.enter_async_context(served(app))
        _make_impatient(app)
        headers = {"Authorization": f"Bearer {played.token(user)}"}
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, headers=headers, timeout=15, trust_env=False)
        )
        yield House(http, wires, lambda: played.token(new_id()))
        for wire in wires.values():
            wire.be("up")


@pytest.mark.parametrize("name", list(AWAY))
@pytest.mark.parametrize("state", ["down", "hung", "slow"])
async def test_what_does_not_need_it_works_without_it(
    name: str, state: State, house: House
) -> None:
    away = AWAY[name] if state != "slow" else frozenset()
    promised = {row: "away" if row in away else "works" for row in ROWS}

    before = await _recovered(house)
    house.wires[name].be(state)
    during = await house.tried()
    if during != promised:  # this machine itself may have stood still for longer than we wait
        during = await house.tried()
    house.wires[name].be("up")
    after = await _recovered(house)

    assert during == promised
    assert after == before == dict.fromkeys(ROWS, "works")


async def _recovered(house: House) -> dict[str, str]:
    """Within 30 s."""
    async with asyncio.timeout(30):
        while (tried := await house.tried()) != dict.fromkeys(ROWS, "works"):
            await asyncio.sleep(0.2)
    return tried


def _make_impatient(app: FastAPI) -> None:
    owners = app.state.owners
    for owner in (owners.auth, owners.orchestrator, owners.media):
        owner._client.timeout = httpx.Timeout(PATIENCE)


def _answering(view: Any) -> Callable[[Request], Awaitable[Response]]:
    """Everything is granted."""

    async def answer(request: Request) -> Response:
        path = request.url.path
        if path == f"/v1/journals/{JOURNAL}":
            return Response(view.model_dump_json(), media_type="application/json")
        if request.method == "GET" and path == "/v1/journals":
            return JSONResponse({"items": []})
        return JSONResponse({}, 202 if request.method == "POST" else 200)

    return answer
