"""What was committed leaves: from memory right after the commit, by a sweep where a replica died.

A letter is a row with a state. An event is `leaving` until the broker has it, then its row goes. A
command may be `waiting` for room first; it is `leaving` until the broker has it, then `out` until
its step is closed. A letter that is leaving is held by its replica for some seconds; when these
are over any replica sends it, perhaps for the second time: hearers stand that.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Gauge

from chassis import failpoints
from chassis.broker import Letter, Speaker
from chassis.jobs import running
from journal_contracts.catalogue import BY_NAME
from orchestrator_service.engine.changes import Change
from orchestrator_service.engine.releasing import Release
from orchestrator_service.engine.store import Store

log = structlog.get_logger()

MOST_IN_MEMORY: Final = 20_000
TOGETHER: Final = 512
SWEEP_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 0.2
RELEASE_SECONDS: Final = 0.02
"""Room that comes back meanwhile is given away together."""
in_memory = Gauge("saga_letters_in_memory", "Committed letters this replica has yet to send")


class Sender:
    """Sends letters, and writes down which of them have arrived."""

    def __init__(self, store: Store, speaker: Speaker, release: Release) -> None:
        self._store = store
        self._speaker = speaker
        self._release = release
        self._commands: list[Letter] = []
        self._events: list[Letter] = []
        self._arrived: list[UUID] = []
        self._woken = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the block runs, also what others left."""
        async with (
            self.sending(),
            running("sweeping", self._sweep_forever),
            running("releasing", self._release_forever),
        ):
            yield

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send only what is posted here."""
        async with (
            running("sending", self._send_forever),
            running("settling", self._settle_forever),
        ):
            yield

    def admit(self, changes: Sequence[Change]) -> set[UUID]:
        """Which letters have to wait for room."""
        return self._release.admit(changes)

    def send(self, changes: Sequence[Change], waits: set[UUID]) -> None:
        """These were committed: let them leave."""
        for change in changes:
            self.post(change.events)
            self.post([o.letter for o in change.orders if o.letter.id not in waits])
        if waits:
            self._release.room_came.set()

    def post(self, letters: Sequence[Letter]) -> None:
        """Rows of these are committed, and held by this replica; commands overtake events."""
        if len(self._commands) + len(self._events) >= MOST_IN_MEMORY:
            return  # the sweep finds them later
        for letter in letters:
            is_command = BY_NAME[letter.name].is_command
            (self._commands if is_command else self._events).append(letter)
        self._woken.set()

    async def _send_forever(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while now := self._next():
                arrived = await self._speaker.say_all(now)
                failpoints.reach("after_publish", _phases(now))
                self._arrived += [letter.id for letter, ok in zip(now, arrived, strict=True) if ok]

    def _next(self) -> list[Letter]:
        """Those that leave now: somebody works at the end of a command."""
        now = [*self._commands[:TOGETHER], *self._events[:TOGETHER]][:TOGETHER]
        commands = min(len(self._commands), TOGETHER)
        del self._commands[:commands], self._events[: len(now) - commands]
        in_memory.set(len(self._commands) + len(self._events))
        return now

    async def _settle_forever(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            if self._arrived:
                arrived, self._arrived = self._arrived, []
                await self._store.settle(arrived)

    async def _sweep_forever(self) -> None:
        while True:
            self.post(await self._store.sweep(TOGETHER))
            self._release.view = await self._store.view()
            self._release.take_pace()
            if self._release.view.waiting.total():
                self._release.room_came.set()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _release_forever(self) -> None:
        """Let out what waits, as often as room comes back."""
        release = self._release
        while True:
            await release.room_came.wait()
            release.room_came.clear()
            for pool in [name for name, count in release.view.waiting.items() if count]:
                letters = await self._store.release(pool, release.window(pool), release.user_limit)
                self.post(letters)
                release.view.waiting[pool] -= len(letters)
                release.view.in_flight[pool] += len(letters)
            await asyncio.sleep(RELEASE_SECONDS)


def _phases(letters: Sequence[Letter]) -> Iterator[str]:
    """What the failpoints ask: the phases these letters are about."""
    return (json.loads(letter.body).get("phase", "") for letter in letters)
