"""A gateway on real Redis and RabbitMQ; behind it one small application plays the owners."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
import uvicorn
import websockets
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.broker import connect
from chassis.handshakes import SocketProtocol
from chassis.identity import AUDIENCE, ISSUER, new_key
from chassis.ids import new_id
from chassis.testing import Addresses, drain
from chassis.web import IDLE_SECONDS
from chassis.wire import BoundedProtocol
from gateway_service import feed as feeds
from gateway_service import owners
from gateway_service.app import build
from gateway_service.feed import Feed
from gateway_service.following import Times
from gateway_service.settings import Settings
from gateway_service.socket import Sockets
from journal_contracts.api import JournalPage, JournalView, UsageView
from journal_contracts.events import PhaseStarted
from journal_contracts.product import PlanName
from journal_contracts.realtime import SUBPROTOCOL
from journal_contracts.sessions import RevocationPage

Answering = Callable[[Request], Awaitable[Response]]
PATIENCE: Final = 20.0


@dataclass
class PlayedOwners:
    """Auth, orchestrator and media in one: it remembers what it was asked, and answers as told.

    Histories it is asked for whenever an event of any earlier test turns up again; so they are
    `histories` of single journals, by path, and none where there is none.
    """

    key: ECKey = field(default_factory=lambda: new_key("signing-1"))
    asked: list[tuple[Request, bytes]] = field(default_factory=list)
    journals: list[JournalView] = field(default_factory=list)
    answering: Answering | None = None
    histories: dict[str, Answering] = field(default_factory=dict)

    def forget(self) -> None:
        self.asked.clear()
        self.journals, self.answering = [], None

    def token(self, user_id: UUID, seconds: float = 600) -> str:
        claims = {"sub": str(user_id), "sid": str(new_id()), "scope": "user"}
        return self._sign(claims, seconds)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/jwks.json", self._keys),
                Route("/v1/auth/token", self._token, methods=["POST"]),
                Route("/v1/auth/revocations", self._revocations),
                Route(
                    "/{path:path}", self._answer, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]
                ),
            ]
        )

    async def _keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _token(self, request: Request) -> Response:
        token = self._sign({"sub": "gateway-service", "scope": "service"}, 300)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 300})

    async def _revocations(self, request: Request) -> Response:
        page = RevocationPage(at=datetime.now(UTC), revoked=(), keys=("signing-1",))
        return Response(page.model_dump_json(), media_type="application/json")

    async def _answer(self, request: Request) -> Response:
        if (path := request.url.path).endswith("/told"):
            history = self.histories.get(path)
            return await history(request) if history else JSONResponse({"items": []})
        self.asked.append((request, await request.body()))
        if self.answering:
            return await self.answering(request)
        if request.url.path == "/v1/journals":
            page = JournalPage.model_validate(
                {"items": [journal.model_dump() for journal in self.journals]}
            )
            return Response(page.model_dump_json(), media_type="application/json")
        for journal in self.journals:
            if request.url.path == f"/v1/journals/{journal.id}":
                return Response(journal.model_dump_json(), media_type="application/json")
        return JSONResponse({"status": 404}, 404)

    def _sign(self, claims: dict[str, str], seconds: float) -> str:
        who = {"iss": ISSUER, "aud": AUDIENCE, "jti": str(new_id())}
        times = {"iat": int(time.time()), "exp": int(time.time() + seconds)}
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "signing-1"}
        return jwt.encode(header, {**who, **claims, **times}, self.key)


@dataclass(frozen=True)
class Stage:
    """A running gateway."""

    url: str
    app: FastAPI
    played: PlayedOwners
    leave: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Client:
    """A browser, as far as the gateway can tell."""

    http: httpx.AsyncClient
    owners: PlayedOwners
    user_id: UUID
    token: str
    app: FastAPI

    @property
    def sockets(self) -> Sockets:
        found: Sockets = self.app.state.sockets
        return found

    def be(self, *, times: Times) -> None:
        """Make the gateway as patient as this."""
        sources = replace(self.sockets.sources, times=times)
        self.app.state.sockets = replace(self.sockets, sources=sources)

    def lose_owners(self, nowhere: httpx.AsyncClient) -> None:
        self.app.state.owners = owners.Owners(
            *(owners.Owner(name, nowhere) for name in ("auth", "orchestrator", "media", "workers"))
        )

    @contextlib.asynccontextmanager
    async def socket(
        self, hello: dict[str, Any] | None = None, *, silent: bool = False, **options: Any
    ) -> AsyncIterator["Socket"]:
        url = f"ws://{self.http.base_url.netloc.decode()}/v1/rt"
        options = {"subprotocols": [SUBPROTOCOL], **options}
        async with websockets.connect(
            url, open_timeout=PATIENCE, close_timeout=1, **options
        ) as raw:
            talk = Socket(raw)
            if not silent:
                await talk.say({"t": "hello", "v": 1, "token": self.token, **(hello or {})})
            yield talk


class Socket:
    """Frames, one at a time."""

    def __init__(self, raw: websockets.ClientConnection) -> None:
        self.raw = raw
        self._read: list[dict[str, Any]] = []

    async def say(self, frame: object) -> None:
        await self.raw.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def next(self, seconds: float = PATIENCE) -> dict[str, Any]:
        if not self._read:
            async with asyncio.timeout(seconds):
                told = json.loads(await self.raw.recv())
            self._read = told if isinstance(told, list) else [told]
        return self._read.pop(0)

    async def events(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < count:
            frame = await self.next()
            found += [frame] if frame["t"] == "event" else []
        return found

    async def close_code(self, seconds: float = PATIENCE) -> int:
        async with asyncio.timeout(seconds):
            await self.raw.wait_closed()
        return int(self.raw.close_code or 0)


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The application on a free port, in this loop."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws=SocketProtocol,
        log_config=None,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=IDLE_SECONDS,
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
    task = asyncio.create_task(server._serve([listening]))
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def gateway(played: PlayedOwners, redis_url: str, amqp_url: str) -> AsyncIterator[Stage]:
    """A gateway with the played owners behind it, both served in this loop."""
    async with served(played.app()) as owners_url:
        app = build(
            Settings(
                port=1,
                amqp_url=amqp_url,
                auth_url=owners_url,
                redis_url=redis_url,
                orchestrator_url=owners_url,
                media_url=owners_url,
                workers_url=owners_url,
                service_key=json.dumps(new_key("gateway-service").as_dict(private=True)),
                allowed_origins=("https://studio.example",),
            )
        )
        async with served(app) as url:
            yield Stage(url, app, played)


@pytest.fixture(scope="session")
def stage(addresses: Addresses) -> Iterator[Stage]:
    """One gateway for all tests, in a thread of its own."""
    ready: Future[Stage] = Future()

    async def perform() -> None:
        await drain(addresses.amqp)
        async with gateway(PlayedOwners(), addresses.redis, addresses.amqp) as stage:
            over = asyncio.Event()
            ready.set_result(replace(stage, leave=partial(loop.call_soon_threadsafe, over.set)))
            await over.wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(perform(),))
    thread.start()
    stage = ready.result(60)
    yield stage
    stage.leave()
    thread.join()
    loop.close()


@pytest.fixture
async def client(stage: Stage, redis_url: str) -> AsyncIterator[Client]:
    """Somebody new, signed in, before a gateway as it was built."""
    kept = stage.app.state.sockets, stage.app.state.owners
    stage.played.forget()
    async with signed_in(stage) as client:
        yield client
    stage.app.state.sockets, stage.app.state.owners = kept


@pytest.fixture
async def client_without_redis(unused_tcp_port: int, amqp_url: str) -> AsyncIterator[Client]:
    redis_url = f"redis://127.0.0.1:{unused_tcp_port}/0"
    async with (
        gateway(PlayedOwners(), redis_url, amqp_url) as stage,
        signed_in(stage) as client,
    ):
        yield client


@contextlib.asynccontextmanager
async def signed_in(stage: Stage) -> AsyncIterator[Client]:
    user_id = new_id()
    token = stage.played.token(user_id)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stage.url, headers=headers) as http:
        yield Client(http, stage.played, user_id, token, stage.app)


@pytest.fixture
async def feed(redis_url: str) -> AsyncIterator[Feed]:
    """The same feeds as the gateway's, for a test to look into."""
    redis = feeds.connect(redis_url)
    yield Feed(redis)
    await redis.aclose()


@pytest.fixture
async def orchestrator(amqp_url: str) -> AsyncIterator[RabbitBroker]:
    """The broker, as whoever says events sees it."""
    broker = connect("orchestrator-service", amqp_url)
    await broker.connect()
    yield broker
    await broker.stop()


@pytest.fixture
def happened() -> Callable[[UUID, UUID, int], PhaseStarted]:
    """The n-th public event of a user's journal."""
    return lambda user_id, journal_id, n: PhaseStarted(
        user_id=user_id,
        journal_id=journal_id,
        n=n,
        at=datetime.now(UTC),
        percent=n,
        phase=f"phase {n}",
        agent="scribe",
        parts=1,
    )


@pytest.fixture
def journal() -> Callable[..., JournalView]:
    """A journal as the orchestrator shows it."""

    def view(status: str = "running") -> JournalView:
        at = datetime.now(UTC)
        return JournalView.model_validate(
            {
                "id": new_id(),
                "theme": "calm",
                "plan": PlanName.STANDARD,
                "title": None,
                "status": status,
                "percent": 3,
                "n": 2,
                "created_at": at,
                "updated_at": at,
                "phases": (),
                "open_decisions": (),
                "decisions": (),
                "usage": UsageView(calls=0, tokens_in=0, tokens_out=0, cost=None),
            }
        )

    return view
