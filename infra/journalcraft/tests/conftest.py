"""A platform that plays one journal, at the edge of the network: real HTTP, a real socket."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from typer.testing import CliRunner

from journal_contracts.api import (
    Answer,
    Credentials,
    HistoryEntry,
    HistoryPage,
    JournalView,
    PhaseView,
    UsageView,
)
from journal_contracts.decisions import DecisionView, Option
from journal_contracts.operating import DeadLetterChoice, DeadLetterDetail
from journal_contracts.product import PlanName
from journal_contracts.realtime import Happened
from journal_contracts.sessions import Addressed
from journalcraft.command import app
from journalcraft.follow import follow
from journalcraft.lease import Lease

USER = UUID(int=2)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
BOOKS = {"journal": b"%PDF the journal", "lead_magnet": b"%PDF the magnet"}
TITLE = DecisionView(
    id="title",
    rev=1,
    question="Which title?",
    options=(Option(id="t1", label="Calm Pages"), Option(id="own", label="Your own")),
    default="t1",
    deadline=NOON,
)


class FakePlatform:
    """One user, one journal: a phase, a decision, another phase, and two books."""

    def __init__(self) -> None:
        self.url = ""
        self.view: JournalView | None = None
        self.registered = False
        self.logins = 0
        self.orders: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        """Answered to the next requests for journals instead of anything else."""
        self.drops_after_decision = False
        self.fails = False
        self.asks = TITLE.id
        self.books = dict(BOOKS)
        self.retries: list[dict[str, Any]] = []
        self.dead: list[DeadLetterDetail] = []
        self.chosen: list[tuple[str, DeadLetterChoice]] = []
        self.stuck = 0
        """So many of the dead letters cannot be sent back."""
        self._frames: list[str] = []
        self._sockets: list[WebSocket] = []
        self.app = FastAPI()
        self._lay_routes()

    async def happen(self, name: str, **data: Any) -> None:
        assert self.view
        n = self.view.n + 1
        about = {"journal_id": str(self.view.id), "user_id": str(USER), "n": n, "percent": 10 * n}
        event = Happened(
            cls="durable",
            type=name,
            id=str(n),
            at=NOON,
            journal=self.view.id,
            o=n,
            n=n,
            data={**about, "at": NOON.isoformat(), **data},
        )
        self.view = follow(self.view, event)
        self._frames.append(event.model_dump_json())
        for socket in self._sockets:
            await socket.send_text(self._frames[-1])

    async def begin(self) -> None:
        work = {"phase": "discovery", "agent": "discovery"}
        await self.happen("journal.phase.started.v1", **work, parts=1)
        await self.happen("journal.phase.completed.v1", **work, seconds=1.5)
        decision = {**TITLE.model_dump(mode="json"), "id": self.asks}
        await self.happen("journal.decision.requested.v1", decision=decision)

    async def finish(self, answer: Answer) -> None:
        choice = answer.choice
        label = choice.text or next(o.label for o in TITLE.options if o.id == choice.option)
        closed = {"decision_id": self.asks, "rev": 1, "chosen_by": "user", "label": label}
        await self.happen(
            "journal.decision.closed.v1", **closed, choice=choice.model_dump(mode="json")
        )
        if self.drops_after_decision:
            for socket in self._sockets:
                await socket.close(1012)
            self._sockets.clear()
        if self.fails:
            await self.happen("journal.craft.failed.v1", code="no_insights", detail="None found.")
        else:
            await self.happen("journal.craft.completed.v1", title="Calm Pages")

    def order(self) -> UUID:
        """A journal that waits to be followed."""
        phases = (PhaseView(name="discovery", agent="d", status="waiting", done=0, parts=1),)
        self.registered = True
        self.view = JournalView(
            id=uuid4(),
            theme="Calm",
            plan=PlanName.STANDARD,
            title=None,
            status="running",
            percent=0,
            n=0,
            created_at=NOON,
            updated_at=NOON,
            phases=phases,
            open_decisions=(),
            decisions=(),
            usage=UsageView(calls=1, tokens_in=2, tokens_out=3, cost=None),
        )
        return self.view.id

    def _lay_routes(self) -> None:
        app = self.app
        self._lay_routes_of_the_past()
        self._lay_routes_of_the_dead()

        @app.get("/readyz")
        async def ready() -> None:
            pass

        @app.middleware("http")
        async def refuse(request: Request, go_on: Any) -> Response:
            if self.refusals and request.url.path.startswith("/v1/journals"):
                status, problem = self.refusals.pop(0)
                return Response(json.dumps(problem), status)
            answer: Response = await go_on(request)
            return answer

        @app.post("/v1/auth/register", status_code=202)
        async def register(who: Credentials) -> Addressed:
            self.registered = True
            return Addressed(email=who.email)

        @app.post("/v1/auth/login")
        async def login(response: Response) -> dict[str, Any]:
            if not self.registered:
                response.status_code = 401
                return {"title": "Unauthorized", "status": 401, "code": "wrong_credentials"}
            self.logins += 1
            return {"access_token": f"token-{self.logins}", "expires_in": 600}

        @app.post("/v1/journals", status_code=202)
        async def create(request: Request) -> JournalView:
            self.orders.append(await request.json())
            theme = self.orders[-1]["theme"]
            self.order()
            assert self.view
            self.view = self.view.model_copy(update={"theme": theme})
            return self.view

        @app.get("/v1/journals/{journal}")
        async def state(journal: UUID) -> JournalView | None:
            return self.view

        @app.post("/v1/journals/{journal}/cancel", status_code=202)
        async def cancel(journal: UUID) -> JournalView | None:
            await self.happen("journal.craft.cancelled.v1")
            return self.view

        @app.post("/v1/journals/{journal}/decisions/{decision}")
        async def decide(journal: UUID, decision: str, answer: Answer) -> dict[str, Any]:
            self.answers.append(answer)
            await self.finish(answer)
            return {"result": "accepted", "decision_id": decision, "rev": answer.rev}

        @app.get("/v1/journals/{journal}/draft")
        async def draft(journal: UUID) -> Response:
            return Response("<p>The draft</p>", media_type="text/html")

        @app.get("/v1/journals/{journal}/artifacts")
        async def artifacts(journal: UUID) -> dict[str, Any]:
            return {"items": [_asset(journal, name) for name in BOOKS]}

        @app.get("/v1/journals/{journal}/artifacts/{name}")
        async def download(journal: UUID, name: str) -> Response:
            return Response(self.books[name])

        @app.websocket("/v1/rt")
        async def live(socket: WebSocket) -> None:
            await socket.accept("jcc.rt.v1")
            hello = json.loads(await socket.receive_text())
            await self._welcome(socket, hello["resume"])
            with contextlib.suppress(Exception):
                while True:
                    await socket.receive_text()

    def _lay_routes_of_the_past(self) -> None:
        app = self.app

        @app.get("/v1/journals/{journal}/history")
        async def history(journal: UUID, cursor: int = 0, limit: int = 200) -> HistoryPage:
            """One transition a page, however many are asked for."""
            told = [Happened.model_validate_json(frame) for frame in self._frames]
            lines = [
                HistoryEntry(
                    seq=frame.n or 0,
                    n=frame.n,
                    type=frame.type,
                    at=NOON,
                    actor="discovery",
                    cause="step_finished",
                    seconds=1.5,
                    cost=Decimal("0.25"),
                    data=frame.data,
                )
                for frame in told[cursor : cursor + 1]
            ]
            return HistoryPage(
                items=tuple(lines), next=cursor + 1 if cursor + 1 < len(told) else None
            )

        @app.get("/v1/journals/{journal}/history/{seq}")
        async def state_at(journal: UUID, seq: int) -> Response:
            assert self.view
            if seq > self.view.n:
                gone = {"title": "Not Found", "status": 404, "code": "no_such_moment"}
                return Response(json.dumps({**gone, "detail": "Never was."}), 404)
            view = self.view.model_copy(update={"n": seq, "percent": seq, "decisions": ()})
            return Response(view.model_dump_json())

        @app.post("/v1/journals/{journal}/retry", status_code=202)
        async def retry(journal: UUID, request: Request) -> JournalView | None:
            self.retries.append(await request.json())
            return self.view

    def _lay_routes_of_the_dead(self) -> None:
        app = self.app

        @app.get("/v1/dead-letters")
        async def dead_letters(service: str | None = None, cursor: int = 0) -> dict[str, Any]:
            """One a page."""
            found = [letter for letter in self.dead if service in (None, letter.service)]
            following = str(cursor + 1) if cursor + 1 < len(found) else None
            items = [letter.model_dump(mode="json") for letter in found[cursor : cursor + 1]]
            return {"items": items, "next": following}

        @app.get("/v1/dead-letters/{letter}")
        async def dead_letter(letter: UUID) -> DeadLetterDetail:
            return next(dead for dead in self.dead if dead.id == letter)

        @app.post("/v1/dead-letters/{what}")
        async def settle(what: str, choice: DeadLetterChoice) -> Response:
            self.chosen.append((what, choice))
            if not self.dead:
                gone = {"title": "Not Found", "status": 404, "code": "not_found"}
                return Response(json.dumps({**gone, "detail": "There is none."}), 404)
            settled = {"done": len(self.dead) - self.stuck, "left": self.stuck}
            return Response(json.dumps(settled))

    async def _welcome(self, socket: WebSocket, resume: dict[str, Any] | None) -> None:
        assert self.view
        place = {"epoch": "e", "o": self.view.n}
        mode = "recovered" if resume else "snapshot"
        greeting = {"user": str(USER), "serverTime": NOON.isoformat()}
        await socket.send_json({"t": "welcome", "mode": mode, **place, **greeting})
        if resume:
            for frame in self._frames[resume["o"] :]:
                await socket.send_text(frame)
        else:
            shown = [self.view.model_dump(mode="json")]
            await socket.send_json({"t": "snapshot", **place, "journals": shown})
        self._sockets.append(socket)
        if self.view.n == 0:
            await self.begin()


def _asset(journal: UUID, name: str) -> dict[str, Any]:
    content = BOOKS[name]
    return {
        "name": f"{name}.pdf",
        "media_type": "application/pdf",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "href": f"/v1/journals/{journal}/artifacts/{name}",
        "edition": name,
        "pages": 67,
        "words": 7000,
        "figures": 63,
    }


@pytest.fixture
async def fake_platform() -> AsyncIterator[FakePlatform]:
    """A platform that listens on a port of its own."""
    fake = FakePlatform()
    config = uvicorn.Config(fake.app, port=0, log_config=None, ws="websockets-sansio")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.005)
    fake.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield fake
    server.should_exit = server.force_exit = True
    await serving


@pytest.fixture
def state(tmp_path: Path, fake_platform: FakePlatform) -> Iterator[Path]:
    """The state folder of that platform."""
    folder = tmp_path / "state"
    with Lease.take(folder) as lease:
        lease.announce(fake_platform.url)
        fake_platform.registered = True
        yield folder


@dataclass(frozen=True)
class Typed:
    """What came of a command."""

    code: int
    told: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.told.splitlines() if "\t" in line]


@pytest.fixture
def typed(state: Path) -> Callable[..., Awaitable[Typed]]:
    """Types a command beside the platform's loop."""

    async def run(*words: str, answer: str | None = None) -> Typed:
        told = [*words, "--state", str(state)]
        result = await asyncio.to_thread(CliRunner().invoke, app, told, input=answer)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Typed(result.exit_code, result.output)

    return run
