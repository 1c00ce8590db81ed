"""What goes wrong and when, and how long everything takes: one seed decides."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

import asyncpg

from .loop import RUNNING, Killed, Loop, Process

T = TypeVar("T")

FAULTS: Final = {
    "killed": 0.004,
    "killed_at_a_line": 0.01,
    "frozen": 0.004,
    "store_refuses": 0.04,
    "store_is_not_heard": 0.04,
    "store_is_late": 0.03,
    "store_is_slow": 0.04,
    "store_is_down": 0.006,
    "broker_is_down": 0.006,
    "line_is_cut": 0.01,
    "letters_are_lost": 0.05,
    "confirms_are_lost": 0.05,
    "letters_come_twice": 0.08,
    "letters_are_late": 0.1,
    "letters_are_poisoned": 0.03,
    "letters_are_old": 0.03,
    "models_fail": 0.08,
    "models_babble": 0.05,
    "models_are_slow": 0.15,
    "steps_fail": 0.02,
}
"""How often each strikes at an occasion, where a seed has it at all."""

OUTAGE: Final = 6.0
LATE: Final = 2.0
"""Seconds until the database is done with what its client has given up: its statement timeout."""

ERRORS: Final[tuple[Callable[[], Exception], ...]] = (
    lambda: asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    lambda: asyncpg.InterfaceError("connection is closed"),
    lambda: asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    lambda: asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
    ConnectionResetError,
    TimeoutError,
)


class Fate:
    """Draws everything from one seed, and writes down what happened."""

    def __init__(self, seed: int, loop: Loop) -> None:
        self.random = random.Random(seed)
        self.loop = loop
        self.is_over = False
        self.log: list[tuple[float, str, str, str]] = []
        self.struck: Counter[str] = Counter()
        share = self.random.choice((0.15, 0.4, 0.8))
        self._rates = {
            fault: rate * self.random.choice((0.5, 1, 2))
            for fault, rate in FAULTS.items()
            if self.random.random() < share
        }
        self._down: dict[str, float] = {}

    def note(self, what: str, about: str = "") -> None:
        """Write down what happens here."""
        process = RUNNING.get(None)
        self.log.append((self.loop.time(), process.name if process else "", what, about))

    def end(self) -> None:
        """Nothing goes wrong from here on."""
        self.note("calm")
        self.is_over = True
        self._rates.clear()

    def strikes(self, fault: str) -> bool:
        """Whether this goes wrong here."""
        rate = self._rates.get(fault)
        if rate is None or self.random.random() >= rate:
            return False
        self.struck[fault] += 1
        self.note(fault.upper())
        return True

    def delay(self) -> float:
        """Seconds to a server, or back."""
        return self.random.random() * 0.01

    def moment(self, longest: float) -> float:
        """Any number of seconds."""
        return self.random.random() * longest

    def reach(self, point: str, about: object) -> None:
        """In the place of the failpoints: die here, perhaps."""
        process = RUNNING.get(None)
        if process is not None and self.strikes("killed_at_a_line"):
            self.note("dies", point)
            process.kill()
            raise Killed

    def is_down(self, server: str) -> bool:
        """Whether a server is away at the moment; it goes away when it is looked at."""
        if self.strikes(f"{server}_is_down"):
            self._down[server] = self.loop.time() + self.moment(OUTAGE)
        return not self.is_over and self._down.get(server, 0.0) > self.loop.time()

    def threaten(self, process: Process) -> None:
        """A process may die here, or stand still for a while."""
        if self.strikes("killed"):
            process.kill()
        elif self.strikes("frozen"):
            process.freeze()
            self.loop.later(self.moment(8.0), process.thaw)

    async def travel(self, arrive: Callable[[asyncio.Future[T]], Any]) -> T:
        """Go to a server, let `arrive` happen there, and come back with what it told."""
        process = RUNNING.get()
        told: asyncio.Future[T] = self.loop.create_future()

        def serve() -> None:
            arrive(told)
            self.threaten(process)

        self.threaten(process)
        if process.state == "dead":
            await self.loop.create_future()
        if process.state == "buried":
            raise asyncio.CancelledError
        self.loop.later(self.delay(), serve)
        return await told

    async def ask_store(self, what: str, deed: Callable[[], T]) -> T:
        """Let a database do something: at once, late, unheard, or not at all."""

        def arrive(told: asyncio.Future[T]) -> None:
            if self.is_down("store") or self.strikes("store_refuses"):
                self._tell(told, None, self._error())
            elif self.strikes("store_is_late"):
                self.loop.later(self.moment(LATE), lambda: self._do(deed, None))
                self._tell(told, None, self._error())
            elif self.strikes("store_is_not_heard"):
                self._do(deed, None)
                self._tell(told, None, self._error())
            else:
                self._do(deed, told)

        answer = await self.travel(arrive)
        self.note(what)
        return answer

    def _do(self, deed: Callable[[], T], told: asyncio.Future[T] | None) -> None:
        try:
            answer = deed()
        except asyncpg.PostgresError as error:
            self._tell(told, None, error)
        else:
            self._tell(told, answer, None)

    def _tell(
        self, told: asyncio.Future[T] | None, answer: T | None, error: Exception | None
    ) -> None:
        def arrive() -> None:
            if told is None or told.done():
                return
            if error is not None:
                told.set_exception(error)
            else:
                told.set_result(answer)  # type: ignore[arg-type] # one of the two is there

        if self.strikes("store_is_slow"):
            self.loop.later(self.moment(3.0), arrive)
        elif self.random.random() < 0.5:
            self.loop.later(self.delay(), arrive)
        else:
            arrive()

    def _error(self) -> Exception:
        return self.random.choice(ERRORS)()
