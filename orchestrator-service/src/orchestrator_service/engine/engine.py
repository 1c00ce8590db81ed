"""The engine as one thing: its parts, wired and running."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from chassis.broker import Speaker
from chassis.database import Pool, open_pool
from chassis.jobs import running
from journal_contracts.catalogue import ORCHESTRATOR
from orchestrator_service.engine import timers
from orchestrator_service.engine.releasing import Release
from orchestrator_service.engine.sending import Sender
from orchestrator_service.engine.transitions import Transitions


@dataclass(frozen=True)
class Engine:
    """One replica's engine; any number of them share a database."""

    pool: Pool
    release: Release
    sender: Sender
    transitions: Transitions

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, database_url: str, amqp_url: str, user_limit: int) -> AsyncIterator[Self]:
        """Connect to the database; `running` starts what runs by itself."""
        speaker = Speaker(ORCHESTRATOR, amqp_url)
        async with open_pool(database_url) as pool:
            release = Release(user_limit)
            sender = Sender(pool, speaker, release)
            transitions = Transitions(pool, sender)
            async with transitions.running():
                yield cls(pool, release, sender, transitions)
            await speaker.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send, sweep, release and meet deadlines while the block runs."""
        async with (
            self.sender.running(),
            running("deadlines", lambda: timers.watch(self.pool, self.transitions)),
        ):
            yield
