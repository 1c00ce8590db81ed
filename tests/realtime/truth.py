"""`python -m tests.realtime.truth`: an orchestrator that needs no time, and auth beside it.

What it tells leaves by the real speaker and is said again until the broker has it; what it told can
be asked for. Its state follows from a number: event `n` of a journal says `percent_of(n)`.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import uvicorn
import uvloop
from joserfc import jwt
from joserfc.jwk import KeySet
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis import telemetry
from chassis.broker import Letter, Speaker, letter_of
from chassis.identity import AUDIENCE, ISSUER, TOKEN_TYPE, new_key
from chassis.ids import new_id
from chassis.jobs import running
from journal_contracts.api import (
    JournalCard,
    JournalPage,
    JournalView,
    ToldEvent,
    ToldEvents,
    UsageView,
)
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.events import PhaseAdvanced, PhaseStarted
from journal_contracts.message import PublicEvent
from journal_contracts.product import PlanName
from journal_contracts.sessions import RevocationPage

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
NAMES: Final = UUID("5f0c2d5e-7a53-5c39-9d07-0f6c3a7d1e11")
JOURNALS: Final = 2
"""Of each user."""
TICK: Final = 0.01
LIFE: Final = 600


class Settings(BaseSettings):
    """What it must be told."""

    model_config = SettingsConfigDict(env_prefix="JCC_")

    amqp_url: str
    port: int
    users: int


def user_of(number: int) -> UUID:
    """The same in every process."""
    return uuid5(NAMES, f"user {number}")


def journals_of(user: UUID) -> list[UUID]:
    """Those of one user."""
    return [uuid5(user, f"journal {number}") for number in range(JOURNALS)]


def percent_of(n: int) -> int:
    """What the n-th event of a journal says."""
    return n * 7 % 101


def event_of(user: UUID, journal: UUID, n: int) -> PublicEvent:
    """The n-th event: of one kind or the other, so that they come by two queues."""
    shared = {"journal_id": journal, "user_id": user, "n": n, "at": AT, "percent": percent_of(n)}
    doing: dict[str, Any] = {**shared, "phase": "curation", "agent": "content_curator", "parts": 30}
    if n % 3 == 1:
        return PhaseStarted(**doing)
    return PhaseAdvanced(**doing, part=f"day-{n}", done=n % 30)


class Truth:
    """Of each journal how many events there are, and which of them the broker may not have."""

    def __init__(self, settings: Settings) -> None:
        self.key = new_key("signing-1")
        self.users = [user_of(number) for number in range(settings.users)]
        self.owner = {j: user for user in self.users for j in journals_of(user)}
        self.count = dict.fromkeys(self.owner, 0)
        self.times: dict[UUID, list[float]] = {journal: [] for journal in self.owner}
        """Of each event when it happened, on the clock all processes of the machine share."""
        self.asked = 0
        self.rate = 0.0
        self._next = itertools.cycle(self.owner)
        self._speaker = Speaker(ORCHESTRATOR, settings.amqp_url)
        self.unsaid: dict[UUID, Letter] = {}
        self._rounds: asyncio.Task[None] | None = None

    async def tell(self) -> None:
        """Let events happen at the rate that is wanted, and say them until they are said."""
        owed, at = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            owed, at = owed + self.rate * (time.monotonic() - at), time.monotonic()
            for _ in range(int(owed)):
                self._happen(next(self._next))
            owed %= 1
            await self._say()

    def _happen(self, journal: UUID) -> None:
        self.count[journal] += 1
        self.times[journal].append(time.monotonic())
        event = event_of(self.owner[journal], journal, self.count[journal])
        letter = letter_of(event, new_id(), str(journal))
        self.unsaid[letter.id] = letter

    async def _say(self) -> None:
        letters = list(self.unsaid.values())
        for letter, arrived in zip(letters, await self._speaker.say_all(letters), strict=True):
            if arrived:
                del self.unsaid[letter.id]

    # --- what it answers ------------------------------------------------------------------------

    def app(self) -> Starlette:
        @contextlib.asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            async with running("telling", self.tell):
                yield
            await self._speaker.close()

        return Starlette(
            lifespan=lifespan,
            routes=[
                Route("/.well-known/jwks.json", self.keys),
                Route("/v1/auth/token", self.service_token, methods=["POST"]),
                Route("/v1/auth/revocations", self.revocations),
                Route("/tokens", self.tokens),
                Route("/rate", self.set_rate, methods=["POST"]),
                Route("/go", self.go, methods=["POST"]),
                Route("/log", self.log),
                Route("/times", self.told_at),
                Route("/v1/journals", self.page),
                Route("/v1/journals/{id:uuid}", self.view),
                Route("/v1/journals/{id:uuid}/told", self.told),
            ],
        )

    async def keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def service_token(self, request: Request) -> Response:
        token = self._token({"sub": "gateway-service", "scope": "service"})
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": LIFE})

    async def revocations(self, request: Request) -> Response:
        """Nobody signs out here."""
        page = RevocationPage(at=datetime.now(UTC), revoked=(), keys=("signing-1",))
        return _json(page.model_dump_json())

    async def tokens(self, request: Request) -> Response:
        """One for each user."""
        whose = ({"sub": str(u), "sid": str(new_id()), "scope": "user"} for u in self.users)
        return JSONResponse([self._token(claims) for claims in whose])

    async def set_rate(self, request: Request) -> Response:
        self.rate = float((await request.json())["rate"])
        return Response()

    async def go(self, request: Request) -> Response:
        """So many `rounds`: an event, or a `burst` of them, of each user in turn, at the `rate`;
        where `users` is given, of the first so many alone."""
        asked = await request.json()
        self._rounds = asyncio.create_task(self._go(**asked))
        return Response()

    async def _go(self, rounds: int, burst: int, rate: float, users: int | None = None) -> None:
        began, told = time.monotonic(), 0
        for _ in range(rounds):
            for user in self.users[:users]:
                for _ in range(burst):
                    self._happen(journals_of(user)[0])
                told += burst
                await asyncio.sleep(max(0.0, began + told / rate - time.monotonic()))

    async def log(self, request: Request) -> Response:
        """Of each journal the number of events; of all how many are not said yet, whether it still
        goes on, and how often a gateway asked."""
        told = {str(journal): count for journal, count in self.count.items()}
        going = self._rounds is not None and not self._rounds.done()
        facts = {"unsaid": len(self.unsaid), "going": going, "asked": self.asked}
        return JSONResponse({"journals": told, **facts})

    async def told_at(self, request: Request) -> Response:
        """Of each journal when its events happened; they are forgotten then."""
        told = {str(journal): times for journal, times in self.times.items() if times}
        self.times = {journal: [] for journal in self.owner}
        return JSONResponse(told)

    async def page(self, request: Request) -> Response:
        self.asked += 1
        cards = [JournalCard(**self._state(j)) for j in journals_of(_caller(request))]
        return _json(JournalPage(items=tuple(cards)).model_dump_json())

    async def view(self, request: Request) -> Response:
        self.asked += 1
        journal = request.path_params["id"]
        usage = UsageView(calls=0, tokens_in=0, tokens_out=0, cost=None)
        view = JournalView(
            **self._state(journal),
            n=self.count[journal],
            phases=(),
            open_decisions=(),
            decisions=(),
            usage=usage,
        )
        return _json(view.model_dump_json())

    async def told(self, request: Request) -> Response:
        self.asked += 1
        journal = request.path_params["id"]
        first, last = (int(request.query_params[name]) for name in ("first", "last"))
        numbers = range(first, min(last, first + 499, self.count[journal]) + 1)
        events = (event_of(self.owner[journal], journal, n) for n in numbers)
        items = tuple(ToldEvent(type=e.name, body=e.model_dump(mode="json")) for e in events)
        return _json(ToldEvents(items=items).model_dump_json())

    def _state(self, journal: UUID) -> dict[str, Any]:
        return {
            "id": journal,
            "theme": "calm",
            "plan": PlanName.STANDARD,
            "title": None,
            "status": "running",
            "percent": percent_of(self.count[journal]) if self.count[journal] else 0,
            "created_at": AT,
            "updated_at": AT,
        }

    def _token(self, claims: Mapping[str, str]) -> str:
        who = {"iss": ISSUER, "aud": AUDIENCE, "jti": str(new_id())}
        times = {"iat": int(time.time()), "exp": int(time.time() + LIFE)}
        header = {"alg": "ES256", "typ": TOKEN_TYPE, "kid": "signing-1"}
        return jwt.encode(header, {**who, **claims, **times}, self.key)


def _caller(request: Request) -> UUID:
    """Whose token it is; the gateway has looked whether it holds."""
    payload = request.headers["authorization"].split(".")[1]
    return UUID(json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"])


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


if __name__ == "__main__":
    telemetry.start(ORCHESTRATOR)
    settings = Settings()
    config = uvicorn.Config(
        Truth(settings).app(), port=settings.port, log_config=None, access_log=False
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())
