"""A loop whose time is made up, and processes on it that stop dead between two of their steps.

Nothing is shuffled: a process is as ordered as asyncio makes it, and processes share nothing but
servers, so every order of things is an order of what they ask of servers, whose delays are chosen.
"""

import asyncio
import contextlib
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from orchestrator_service.engine.transitions import AWAY

T = TypeVar("T")

PATIENCE: Final = 8.0
"""Seconds a client waits for a process that does not answer."""


class Deadlock(RuntimeError):
    """Nothing can happen any more."""


class Stuck(BaseException):
    """Something goes round in a circle, and no time passes."""


class Killed(BaseException):
    """Unwinds the line at which a process dies; what is cleaned up on the way is its own."""


class Process:
    """What runs in its name stops when it is killed or frozen: no `finally` is reached."""

    def __init__(self, name: str, loop: "Loop") -> None:
        self.name = name
        self.state = "alive"
        self.is_stopped = self.was_stopped = False
        self.stopped: list[asyncio.Handle] = []
        """What would run, did it run."""
        self.when_dead: list[Callable[[], None]] = []
        self._loop = loop
        self._asked: dict[asyncio.Future[Any], None] = {}
        self._context = contextvars.Context()
        self._context.run(RUNNING.set, self)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let it do this, too."""
        return self._loop.create_task(work, context=self._context.copy())

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """A client's request; `ConnectionError` where it dies over it."""
        told: asyncio.Future[T] = self._loop.create_future()

        async def serve() -> None:
            try:
                answer = await work()
            except Exception as error:
                if not told.done():
                    told.set_exception(error)
            else:
                if not told.done():
                    told.set_result(answer)

        if self.state == "dead":
            raise ConnectionRefusedError(self.name)
        self._asked[told] = None
        self.start(serve())
        try:
            async with asyncio.timeout(PATIENCE):
                return await told
        finally:
            del self._asked[told]

    def kill(self) -> None:
        """As by `kill -9`."""
        if self.state == "dead":
            return
        self.state, self.is_stopped, self.was_stopped = "dead", True, True
        for told in self._asked:
            if not told.done():
                told.set_exception(ConnectionResetError(self.name))
        for follow in self.when_dead:
            follow()

    def freeze(self) -> None:
        """As by SIGSTOP, or by a machine that has other things to do."""
        if self.state == "alive":
            self.state, self.is_stopped, self.was_stopped = "frozen", True, True

    def thaw(self) -> None:
        """Go on as if nothing had been; all that was due meanwhile happens now."""
        if self.state == "frozen":
            self.state, self.is_stopped = "alive", False
            self._loop.run_stopped(self)

    def bury(self) -> None:
        """Let what is left of it be cancelled, when nobody looks any more."""
        self.state, self.is_stopped = "buried", False
        self._loop.run_stopped(self)


RUNNING: Final[contextvars.ContextVar[Process]] = contextvars.ContextVar("process")


class Loop(asyncio.BaseEventLoop):
    """Time passes when there is nothing to do, at once, to when there is."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []
        """What nobody caught; a server that is away is nobody's mistake."""
        self.is_stuck = False
        self._time = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle | Callable[[], object]]] = []
        self._number = itertools.count()
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self._time

    def call_at(  # type: ignore[override] # no arguments are left to a type checker here
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._number), handle))
        return handle

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Let a server do something: it belongs to no process."""
        heapq.heappush(self._timers, (self._time + seconds, next(self._number), do))

    def run_stopped(self, process: Process) -> None:
        """What a process could not do, it does now."""
        self._ready.extend(process.stopped)
        process.stopped.clear()

    def stick(self, *signalled: object) -> None:
        """Real time is over: end the circle, and everything with it."""
        self.is_stuck = True
        raise Stuck

    def _run_once(self) -> None:
        if self.is_stuck:
            raise Stuck
        ready = self._ready
        if not ready:
            self._pass_time()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(RUNNING)  # type: ignore[attr-defined] # the same
            if process is not None and process.is_stopped:
                process.stopped.append(handle)
            else:
                handle._run()

    def _pass_time(self) -> None:
        """To the next moment at which anything is due, all of which is then done in its order."""
        if not self._timers:
            raise Deadlock
        self._time = max(self._time, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._time:
            _, _, due = heapq.heappop(self._timers)
            if isinstance(due, asyncio.TimerHandle):
                self._ready.append(due)
            else:
                due()

    def _note(self, loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
        error = about.get("exception")
        if not isinstance(error, (Killed, *AWAY)):
            self.errors.append(f"{about.get('message')}: {error!r}")

    async def end(self, processes: list[Process]) -> None:
        """Cancel whatever is left of anybody."""
        for process in processes:
            process.bury()
        rest = asyncio.all_tasks(self) - {asyncio.current_task(self)}
        for task in rest:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*rest, return_exceptions=True)
