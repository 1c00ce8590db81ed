"""What strikes a stage: each function is one fault of its kind, and says when it is over."""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from chassis.jobs import woken
from journalcraft.servers.debs import locked, unpack
from journalcraft.servers.stack import CACHE
from orchestrator_service.phases import PHASES

from .crashes import POINTS
from .stage import ORCHESTRATORS, WORKERS, Actor, Stage

FAILPOINTS: Final = [f"{point}/{phase.name}" for phase in PHASES for point in POINTS]
"""Each of the five points for each phase."""
WINDOW: Final = 4.0
WITHIN: Final = 2.0
"""Seconds in which one of the armed failpoints has to be reached; else it is a plain kill."""
SKEWED: Final = 10
"""Of so many lives of orchestrators one has a clock that is an hour off."""


@dataclass
class Troubles:
    """The faults of one run, counted by kind."""

    stage: Stage
    faketime: Path
    counted: Counter[str] = field(default_factory=Counter)
    failpoints: list[str] = field(default_factory=lambda: [*FAILPOINTS])
    """Those at which nobody has died yet."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more is to strike; what is under way comes to its end."""
    _random: random.Random = field(default_factory=random.Random)

    async def kills(self) -> None:
        """Of each kind of process the next dies as soon as the last victim is ready again."""
        await asyncio.gather(self._kills_of_orchestrators(), self._kills_of_workers())

    async def _kills_of_orchestrators(self) -> None:
        for life, actor in enumerate(self._in_turn(ORCHESTRATORS), 1):
            if self.failpoints:
                await self._dies_by_itself(actor)
            else:
                self._dies(actor)
            actor.start(**self._skewed() if life % SKEWED == SKEWED // 2 else {})
            await actor.until_ready()

    async def _kills_of_workers(self) -> None:
        for actor in self._in_turn(WORKERS):
            self._dies(actor)
            actor.start()
            await actor.until_ready()

    def _in_turn(self, names: tuple[str, ...]) -> Iterator[Actor]:
        """Again and again, until it is over."""
        actors = itertools.cycle(self.stage.actors[name] for name in names)
        return itertools.takewhile(lambda _: not self.over.is_set(), actors)

    async def _dies_by_itself(self, actor: Actor) -> None:
        """At whichever of the points comes first that nobody has died at yet."""
        actor.arm(self.failpoints)
        if await actor.until_dead(WITHIN):
            self._count(actor)
        else:
            self._dies(actor)

    async def deaths_left(self) -> None:
        """Die at what failpoints are left, while the last journals come to their ends."""
        for actor in itertools.cycle(self.stage.actors[name] for name in ORCHESTRATORS):
            if not self.failpoints:
                return
            actor.arm(self.failpoints)
            if await actor.until_dead(WITHIN):
                self._count(actor)
                actor.start()
                await actor.until_ready()
            actor.arm(())

    def _count(self, actor: Actor) -> None:
        if actor.last_words in self.failpoints:
            self.counted["failpoint"] += 1
            self.failpoints.remove(actor.last_words)

    def _dies(self, actor: Actor) -> None:
        actor.kill()
        self.counted["kill"] += 1

    async def _over_after(self, seconds: float) -> bool:
        """Rest so long; whether it is over."""
        await woken(self.over, within=seconds)
        return self.over.is_set()

    def _skewed(self) -> dict[str, str]:
        """A life with a clock that is an hour off."""
        self.counted["clock"] += 1
        return {
            "LD_PRELOAD": str(self.faketime),
            "FAKETIME": self._random.choice(("+1h", "-1h")),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    async def broker(self) -> None:
        """RabbitMQ stops, is killed, or runs out of memory."""
        turns: list[Callable[[], Awaitable[None]]] = [
            lambda: asyncio.to_thread(self.stage.servers.restart, "rabbitmq"),
            lambda: asyncio.to_thread(self.stage.servers.restart, "rabbitmq", kill=True),
            self._memory_alarm,
        ]
        for turn in itertools.cycle(turns):
            if await self._over_after(50 + self._random.random() * 20):
                return
            await turn()
            self.counted["broker"] += 1

    async def _memory_alarm(self) -> None:
        tell = self.stage.servers.rabbitmqctl
        await asyncio.to_thread(tell, "set_vm_memory_high_watermark", "0.00001")
        await asyncio.sleep(WINDOW)
        await asyncio.to_thread(tell, "set_vm_memory_high_watermark", "0.6")

    async def postgres(self) -> None:
        """PostgreSQL is killed, loses its connections, is locked, has no room on its disk."""
        turns: list[Callable[[], Awaitable[None]]] = [
            self._connections_killed,
            self._locked,
            self._disk_full,
            self._connections_killed,
            self._restarted,
        ]
        for turn in itertools.cycle(turns):
            if await self._over_after(8 + self._random.random() * 8):
                return
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await turn()
                self.counted["postgres"] += 1

    async def _restarted(self) -> None:
        await asyncio.to_thread(self.stage.servers.restart, "postgres", kill=True)

    async def _connections_killed(self) -> None:
        async with self._superuser() as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where pid <> pg_backend_pid() and backend_type = 'client backend'"
            )

    async def _locked(self) -> None:
        async with self._superuser() as connection, connection.transaction():
            await connection.execute("lock table journal in share row exclusive mode")
            await asyncio.sleep(1 + 2 * self._random.random())

    async def _disk_full(self) -> None:
        """Every write of history fails as it does on a full disk, with the same error."""
        async with self._superuser() as connection:
            await connection.execute(
                """
                create or replace function no_room() returns trigger language plpgsql as $$
                begin raise exception 'no space left on device' using errcode = '53100'; end $$;
                create trigger no_room before insert on history execute function no_room()
                """
            )
            try:
                await asyncio.sleep(2)
            finally:
                await connection.execute("drop trigger no_room on history")

    @contextlib.asynccontextmanager
    async def _superuser(self):  # type: ignore[no-untyped-def] # an asyncpg connection
        connection = await asyncpg.connect(self.stage.database, timeout=5)
        try:
            yield connection
        finally:
            await connection.close()

    async def network(self) -> None:
        """Connections are reset, or stand still for a moment."""
        while not await self._over_after(2 + self._random.random() * 3):
            wire = self._random.choice(list(self.stage.wires.values()))
            if self._random.random() < 0.6:
                wire.reset()
            else:
                await wire.stall(0.2 + self._random.random() * 2)
            self.counted["network"] += 1

    async def messages(self) -> None:
        """Windows in which answers come twice, late, out of order, again, and as rubbish."""
        kinds = ("duplicate", "reorder", "delay", "late", "poison")
        while not await self._over_after(self._random.random() * 2):
            now = self._random.sample(kinds, self._random.randint(1, 3))
            self.stage.chaos.write_text(" ".join(now))
            await asyncio.sleep(WINDOW)
            self.stage.chaos.unlink(missing_ok=True)
            self.counted["message"] += 1


def a_lying_clock() -> Path:
    """The library that makes a process believe in another time."""
    place = CACHE / "faketime"
    with locked(CACHE):
        if not place.exists():
            unpack("faketime", "faketime|libfaketime", place, lambda root: None)
    return next(place.rglob("libfaketime.so.1"))
