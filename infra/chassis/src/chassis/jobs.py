"""Work beside the requests: started with the service, stopped with it, never silent."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
STEADY = 60.0
"""Seconds of work after which a failure is no longer one of a row."""


@contextlib.asynccontextmanager
async def running(
    name: str,
    work: Callable[[], Awaitable[None]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Keep `work` going while the block runs; if it fails it is logged and begun again.

    The pause before that doubles with every failure in a row, and is short again after good work.
    """
    task = asyncio.create_task(_forever(name, work, clock, sleep), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])  # a cancel of our own goes on; the task's does not


async def woken(event: asyncio.Event, *, within: float) -> None:
    """Return once the event is set, or after so many seconds.

    Not by `asyncio.wait_for`: before Python 3.12 it takes a cancel that meets the event for
    nothing, and the job it came to stop runs on.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()


async def _forever(
    name: str,
    work: Callable[[], Awaitable[None]],
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    pause = FIRST_PAUSE
    while True:
        begun = clock()
        try:
            await work()
            pause = FIRST_PAUSE
        except Exception:
            pause = FIRST_PAUSE if clock() - begun >= STEADY else pause
            log.exception("job_failed", job=name, again_in_seconds=pause)
            await sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
