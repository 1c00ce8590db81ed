"""One life of the whole platform, from a seed: what happened in it, and what broke a promise."""

import asyncio
import contextlib
import functools
import gc
import itertools
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from unittest import mock
from uuid import UUID

import structlog

from chassis.broker.hearing import Delivery
from chassis.jobs import running
from journal_contracts.commands import RunPhase
from journal_contracts.product import PlanName
from orchestrator_service.plan import DEFINITIONS, FIRST

from .broker import Broker, step_of, told_of
from .fate import Fate
from .itinerary import NEXT, SHORT
from .judging import broken, is_open
from .loop import Deadlock, Loop, Process, Stuck
from .replicas import Office, Servers, orchestrator, shelf, worker
from .users import Crowd, an_order

TROUBLED: Final = 15.0
"""Seconds in which things go wrong, at most."""
LONGEST: Final = 600.0
"""Seconds after which what is not over will never be."""
QUIET: Final = 1.5
"""Seconds without a letter under way, after which none is."""
REAL: Final = 40
"""Of so many seeds one goes by the real table."""
DEPLOYED: Final = 5
"""Of so many seeds in one the next version of the table is put in force."""
STUCK: Final = 20.0
"""Seconds of a real processor that no life takes."""
ORCHESTRATORS, WORKERS = 2, 2


@dataclass(frozen=True)
class Life:
    """What became of a seed."""

    log: list[tuple[float, str, str, str]]
    """When, who, what, about what."""
    broken: list[str]
    struck: Mapping[str, int]
    seconds: float


class World:
    """Servers, processes that are begun again when they die, and users."""

    def __init__(self, seed: int, loop: Loop) -> None:
        self.loop = loop
        self.fate = Fate(seed, loop)
        self.servers = Servers(self.fate, Broker(self.fate, self._watch))
        self.processes: list[Process] = []
        self.is_real = seed % REAL == 0
        self.tables = {1: FIRST} if self.is_real else {1: SHORT, 2: NEXT}
        self._versions: list[tuple[int, ...]] = [(1,)] * ORCHESTRATORS
        self._is_deployed = not self.is_real and seed % DEPLOYED == 0
        self.forgotten: list[str] = []
        """Messages that were acked while their steps waited for what was to come of them."""
        self._offices: dict[Process, Office] = {}
        self.crowd = Crowd(self.fate, self._open, self.servers.broker.news)
        self._user_limit = self.fate.random.choice((1, 2, 24))
        self._step_seconds = self.fate.random.choice((4.0, 12.0))

    async def live(self) -> None:
        """From the first order to the last letter."""
        random = self.fate.random
        for number in range(ORCHESTRATORS):
            self._keep(f"orchestrator {number}", functools.partial(self._orchestrator, number))
        for number in range(WORKERS):
            self._keep(f"worker {number}", lambda: worker(self.servers))
        self._keep("shelf", lambda: shelf(self.servers))
        self.loop.later(random.random() * TROUBLED, self._calm)
        deployment = asyncio.create_task(self._deploy())
        plans = list(PlanName)[1:] if self.is_real else list(PlanName)
        orders = 1 if self.is_real else random.choice((2, 3, 3, 3, 4, 6))
        async with asyncio.TaskGroup() as users:
            for number in range(orders):
                (plan,) = random.choices(plans, (3, 1, 1)[-len(plans) :])
                request = an_order(self.fate, plan, self._step_seconds)
                journal, user = UUID(int=1000 + number), UUID(int=1 + random.randrange(3))
                users.create_task(self.crowd.live(journal, user, request))
                await asyncio.sleep(self.fate.moment(2.0))
        self._calm()
        await deployment
        await self._until_quiet()

    def _orchestrator(self, number: int) -> AbstractAsyncContextManager[Office]:
        return orchestrator(self.servers, self._user_limit, self._versions[number])

    async def _deploy(self) -> None:
        """New code, replica by replica; when all have it, its table of phases is in force."""
        if not self._is_deployed:
            return
        for number in range(ORCHESTRATORS):
            await asyncio.sleep(self.fate.moment(5.0))
            self._versions[number] = (1, 2)
            for process in self.processes:
                if process.name.startswith(f"orchestrator {number}."):
                    process.kill()
        await asyncio.sleep(self.fate.moment(5.0))
        self.fate.note("puts in force", "version 2")
        self.servers.rows.definitions.add(2)

    def _keep(self, name: str, what: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        """Begin it again whenever it died."""
        lives = itertools.count(1)

        def begin() -> None:
            process = self._begin(f"{name}.{next(lives)}", what())
            process.when_dead.append(lambda: self.loop.later(0.1 + self.fate.moment(3.0), begin))

        begin()

    def _begin(self, name: str, what: AbstractAsyncContextManager[Any]) -> Process:
        process = Process(name, self.loop)
        self.processes.append(process)

        async def be() -> None:
            try:
                async with what as office:
                    if isinstance(office, Office):
                        self._offices[process] = office
                    await self.loop.create_future()
            except Exception as error:
                self.fate.note("cannot begin", type(error).__name__)
                process.kill()

        process.when_dead.append(lambda: self._died(process))
        process.start(be())
        return process

    def _died(self, process: Process) -> None:
        self.fate.note("DEAD", process.name)
        self._offices.pop(process, None)

    def _open(self) -> list[tuple[Process, Office]]:
        return list(self._offices.items())

    def _calm(self) -> None:
        """Nothing goes wrong from here on, and what stood still goes on."""
        if not self.fate.is_over:
            self.fate.end()
            for process in self.processes:
                process.thaw()

    def _watch(self, delivery: Delivery) -> None:
        """An answer that is acked is committed, or of no effect; a command is answered."""
        step, broker = step_of(delivery), self.servers.broker
        if step is None or not is_open(self.servers.rows, step):
            return
        is_command = delivery.kind == RunPhase.name
        if not is_command or not (step in broker.answered or delivery.message_id in broker.resting):
            self.fate.note("FORGETS", told_of(delivery))
            self.forgotten.append(told_of(delivery))

    async def _until_quiet(self) -> None:
        quiet = 0.0
        while quiet < QUIET:
            await asyncio.sleep(QUIET / 3)
            rows = self.servers.rows
            left = rows.outbox or rows.outdated(max(rows.definitions), 1)
            is_quiet = self.servers.broker.is_quiet and not left
            quiet = quiet + QUIET / 3 if is_quiet else 0.0


def live(seed: int) -> Life:
    """Live through a seed."""
    loop = Loop()
    world = World(seed, loop)
    found: list[str] = []
    with _as_the_world_is(world):
        try:
            loop.run_until_complete(asyncio.wait_for(world.live(), LONGEST))
        except (Deadlock, Stuck, TimeoutError) as error:
            found.append(f"never_over: {type(error).__name__} after {loop.time():.0f} s")
        log, seconds = list(world.fate.log), loop.time()
        found += broken(world.servers, world.crowd)
        found += [f"acked_and_forgotten: {answer}" for answer in world.forgotten]
        found += [f"nobody_caught: {error}" for error in loop.errors]
        if not loop.is_stuck:
            loop.run_until_complete(loop.end(world.processes))
    loop.close()
    return Life(log, found, world.fate.struck, seconds)


@contextlib.contextmanager
def _as_the_world_is(world: World) -> Iterator[None]:
    """Time, ids, failpoints and logs are the world's; its table of phases is in force."""
    fate, numbers = world.fate, itertools.count(1)

    def uuid7() -> UUID:
        return UUID(int=int(world.loop.time() * 1000) << 80 | 7 << 76 | 2 << 62 | next(numbers))

    def note(logger: object, method: str, event: Any) -> Any:
        error = event.get("exc_info")
        error = sys.exc_info()[1] if error is True else error
        fate.note("logs", f"{event['event']} {type(error).__name__ if error else ''}")
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    defaults: Any = running.__wrapped__.__kwdefaults__  # type: ignore[attr-defined] # a generator's
    with (
        mock.patch("time.monotonic", world.loop.time),
        mock.patch("uuid_utils.compat.uuid7", uuid7),
        mock.patch("chassis.failpoints.reach", fate.reach),
        mock.patch("agent_workers.models.caller.price_of", return_value=Decimal("0.01")),
        mock.patch.dict(DEFINITIONS, world.tables),
        mock.patch.dict(defaults, clock=world.loop.time),
    ):
        structlog.configure(processors=[note])
        before_alarm = signal.signal(signal.SIGVTALRM, world.loop.stick)
        signal.setitimer(signal.ITIMER_VIRTUAL, STUCK, STUCK)
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before_alarm)
            structlog.configure(processors=before)
