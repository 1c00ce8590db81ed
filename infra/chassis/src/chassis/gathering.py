"""Small writes that gather while another is under way, and then go as one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

MOST: Final = 500

T = TypeVar("T")


class Gathering(Generic[T]):
    """Calls `write` with what came since it was called last, one call at a time."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]], most: int = MOST) -> None:
        self._write = write
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, item: T) -> None:
        """Returns once `item` is written; raises what `write` raises for it alone."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await done

    async def _write_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # what comes in this turn of the loop goes together
            now, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._write_these(now)
        self._writing = None

    async def _write_these(self, waiting: Sequence[tuple[T, asyncio.Future[None]]]) -> None:
        """What cannot be written together is written one by one, so each fails by its own fault."""
        try:
            await self._write([item for item, _ in waiting])
        except Exception as error:
            if len(waiting) > 1:
                for each in waiting:
                    await self._write_these([each])
            else:
                _end(waiting[0][1], error)
        else:
            for _, done in waiting:
                _end(done)


def _end(done: asyncio.Future[None], error: Exception | None = None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
