"""A small world of `jcc.rt.v1`: stampers, replicas and listeners, with everything between them bad.

Feed, stamper, connections and the way along the feed are the gateway's own, on a real Redis; a
listener decides by `journal_client.place`. Played are the orchestrator (a log), its queue, and the
last hop, which loses, doubles and reorders as it is told.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from redis.asyncio import Redis

from chassis.errors import Unavailable
from chassis.ids import new_id
from gateway_service.connection import Connection
from gateway_service.connections import ConnectionManager
from gateway_service.ends import GONE, Ended
from gateway_service.feed import Entry, Feed
from gateway_service.following import Following, Sources, Times
from gateway_service.stamper import Stamper
from journal_client.place import step, understand
from journal_contracts.api import JournalView, ToldEvent, UsageView
from journal_contracts.events import PhaseAdvanced
from journal_contracts.product import PlanName
from journal_contracts.realtime import Happened, Resume, Snapshot, Welcome

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
GAP_PATIENCE: Final = 0.02
HEARTBEAT: Final = 0.005
SOON: Final = 0.003
"""Seconds one thing that happens has before the next one happens."""
PATIENCE: Final = 3.0


@dataclass
class Orchestrator:
    """The truth: every event that was committed, by journal; and what of it waits in the queue."""

    user: UUID
    log: dict[UUID, list[PhaseAdvanced]]
    queue: list[PhaseAdvanced] = field(default_factory=list)
    is_away: bool = False

    def commit(self, journal: UUID, done: int) -> None:
        """The next event of a journal."""
        event = PhaseAdvanced(
            journal_id=journal,
            user_id=self.user,
            n=len(self.log[journal]) + 1,
            at=AT,
            percent=done,
            phase="curation",
            agent="content_curator",
            part="days",
            done=done,
            parts=100,
        )
        self.log[journal].append(event)
        self.queue.append(event)

    async def between(self, journal: UUID, first: int, last: int) -> Sequence[ToldEvent]:
        """What a stamper asks for."""
        if self.is_away:
            raise Unavailable("away")
        events = self.log[journal][first - 1 : last]
        return [ToldEvent(type=e.name, body=e.model_dump(mode="json")) for e in events]

    async def snapshot(self, token: str) -> tuple[JournalView, ...]:
        """What a listener is shown, as it is now."""
        return tuple(_view(journal, events) for journal, events in self.log.items())

    @property
    def state(self) -> dict[UUID, tuple[int, int]]:
        """The fold of the log: of each journal how many events, and what the last one said."""
        return {journal: _last(events) for journal, events in self.log.items()}


@dataclass
class Hop:
    """The last hop, in the place of the broker: what was published and has not arrived."""

    replicas: int
    in_flight: list[tuple[int, str, int, str]] = field(default_factory=list)
    is_cut: bool = False

    async def tell(self, user_id: UUID, epoch: str, entry: Entry) -> None:
        """As stampers call it; while it is cut they die of it."""
        if self.is_cut:
            raise Died
        for replica in range(self.replicas):
            self.in_flight.append((replica, epoch, entry.offset, entry.frame.decode()))


class Died(Exception):
    """The process ended here."""


class Listening:
    """Bindings, which have nothing to do with order: every replica hears everything."""

    async def listen_for(self, user_id: UUID) -> None:
        return


@dataclass
class Client:
    """A listener: its place moves before it looks at what came."""

    place: Resume | None = None
    state: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    covered: dict[UUID, int] = field(default_factory=dict)
    """Up to where its last snapshot tells of a journal; what is older is no news."""
    seen: set[tuple[str, int]] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    snapshots: int = 0
    life: asyncio.Task[None] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    welcomed: Welcome | None = None

    async def until_gone(self) -> None:
        """What a socket hears of the other side."""
        await self.gone.wait()
        raise Ended(GONE)

    async def receive(self, frames: Sequence[bytes]) -> None:
        """What a socket would bring, in one piece."""
        for frame in frames:
            for told in understand(frame):
                if isinstance(told, Welcome | Snapshot | Happened):
                    self._hear(told)

    def _hear(self, told: Welcome | Snapshot | Happened) -> None:
        self.place, what = step(self.place, told)
        if what == "gap":
            raise ConnectionResetError
        match told:
            case Welcome():
                self.welcomed = told
            case Snapshot():
                self.snapshots += 1
                self.state = {view.id: (view.n, view.percent) for view in told.journals}
                self.covered = {view.id: view.n for view in told.journals}
            case Happened(journal=UUID() as journal, n=int(n)) if what == "deliver":
                self._count(journal, n, told)

    def _count(self, journal: UUID, n: int, told: Happened) -> None:
        assert self.place is not None
        if (here := (self.place.epoch, self.place.o)) in self.seen:
            self.broken.append(f"twice: {here}")
        self.seen.add(here)
        if n <= self.covered.get(journal, 0):
            return
        before, _ = self.state.get(journal, (0, 0))
        if n != before + 1:
            self.broken.append(f"after {before} came {n}")
        self.state[journal] = (n, told.data["percent"])


class World:
    """All of them, and what can happen."""

    def __init__(self, redis: Redis, *, journals: int, replicas: int, clients: int) -> None:
        self.redis = redis
        self.feed = Feed(redis)
        user = new_id()
        self.orchestrator = Orchestrator(user, {new_id(): [] for _ in range(journals)})
        self.hop = Hop(replicas)
        self.managers = [ConnectionManager() for _ in range(replicas)]
        self.clients = [Client() for _ in range(clients)]
        self.stamping: dict[asyncio.Task[None], PhaseAdvanced] = {}
        asked: Any = self.orchestrator
        hop: Any = self.hop
        listening: Any = Listening()
        self.stampers = [
            Stamper(hop, self.feed, asked, hop, gap_patience=GAP_PATIENCE, again=())
            for _ in range(replicas)
        ]
        times = Times(heartbeat=HEARTBEAT)
        self.sources = [
            Sources(manager, listening, self.feed, asked, times) for manager in self.managers
        ]

    # --- what happens ---------------------------------------------------------------------------

    def commit(self, journal: int, done: int) -> None:
        self.orchestrator.commit(list(self.orchestrator.log)[journal], done)

    async def stamp(self, which: int, replica: int, *, dies: bool = False) -> None:
        """A stamper takes one event from the queue, the oldest or another; or dies of telling."""
        queue = self.orchestrator.queue
        if not queue:
            return
        event = queue.pop(which % len(queue))
        self.hop.is_cut = dies
        task = asyncio.create_task(self.stampers[replica].stamp(event))
        self.stamping[task] = event
        await asyncio.wait([task], timeout=SOON)
        self.hop.is_cut = False
        self._bury()

    def deliver(self, which: int, times: int) -> None:
        """A message of the last hop arrives: never, once, or twice."""
        if not self.hop.in_flight:
            return
        replica, *what = self.hop.in_flight.pop(which % len(self.hop.in_flight))
        for _ in range(times):
            self.managers[replica].deliver(self.orchestrator.user, *what)  # type: ignore[arg-type]

    async def trim(self, kept: int) -> None:
        await self.redis.xtrim(f"feed:{{{self.orchestrator.user}}}:history", kept)

    async def lose_redis(self) -> None:
        await self.redis.flushdb()

    async def connect(self, who: int, replica: int) -> None:
        await self.disconnect(who)
        client = self.clients[who]
        client.gone = asyncio.Event()
        client.life = asyncio.create_task(self._live(client, replica))

    async def disconnect(self, who: int) -> None:
        client = self.clients[who]
        if client.life is not None:
            client.gone.set()
            await client.life
            client.life = None

    # --- and how it ends ------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let nothing more happen; everybody has to come to the same state."""
        self.orchestrator.is_away = False
        while self.orchestrator.queue or self.stamping:
            await self.stamp(0, 0)
            if self.stamping:
                await asyncio.wait(self.stamping)
            self._bury()
        while self.hop.in_flight:
            self.deliver(0, 1)
        for who, client in enumerate(self.clients):
            if client.life is None:
                await self.connect(who, who % len(self.sources))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not await self._agree():
                    await asyncio.sleep(SOON)
        truth = self.orchestrator.state
        at = await self.feed.position(self.orchestrator.user)
        for client in self.clients:
            assert client.state == truth, (client.state, truth, client.place, at)
            assert client.place == Resume(epoch=at.epoch, o=at.top)
            assert not client.broken, client.broken

    async def close(self) -> None:
        for who in range(len(self.clients)):
            await self.disconnect(who)
        for task in self.stamping:
            task.cancel()
        await asyncio.gather(*self.stamping, return_exceptions=True)

    async def _agree(self) -> bool:
        at = await self.feed.position(self.orchestrator.user)
        there = Resume(epoch=at.epoch, o=at.top)
        return all(client.place == there for client in self.clients)

    async def _live(self, client: Client, replica: int) -> None:
        """As a socket's talk goes; who is sent away comes back at once."""
        while not client.gone.is_set():
            connection = Connection(self.orchestrator.user)
            following = Following(self.sources[replica], connection, client.receive)
            with contextlib.suppress(Ended, ConnectionResetError):
                async with self.sources[replica].connected(connection):
                    await following.catch_up_first(client.place, "token")
                    await following.live(client.until_gone, time.time() + 600)
            await asyncio.sleep(0)

    def _bury(self) -> None:
        """Whoever died leaves its event to the next stamper."""
        for task in [task for task in self.stamping if task.done()]:
            event = self.stamping.pop(task)
            if error := task.exception():
                assert isinstance(error, Died), error
                self.orchestrator.queue.append(event)


def _last(events: Sequence[PhaseAdvanced]) -> tuple[int, int]:
    return (events[-1].n, events[-1].percent) if events else (0, 0)


def _view(journal: UUID, events: Sequence[PhaseAdvanced]) -> JournalView:
    n, percent = _last(events)
    return JournalView(
        id=journal,
        theme="calm",
        plan=PlanName.STANDARD,
        title=None,
        status="running",
        percent=percent,
        n=n,
        created_at=AT,
        updated_at=AT,
        phases=(),
        open_decisions=(),
        decisions=(),
        usage=UsageView(calls=0, tokens_in=0, tokens_out=0, cost=None),
    )
