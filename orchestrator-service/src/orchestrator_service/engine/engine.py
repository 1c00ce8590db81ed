"""The engine as one thing: its parts, wired and running."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

import structlog

from chassis.broker import Speaker
from chassis.database import open_pool
from chassis.ids import new_id
from chassis.jobs import running
from journal_contracts.catalogue import ORCHESTRATOR
from orchestrator_service.engine import timers
from orchestrator_service.engine.postgres import PostgresStore
from orchestrator_service.engine.quotas import UNBOUNDED, Quota
from orchestrator_service.engine.releasing import Release
from orchestrator_service.engine.sending import Sender
from orchestrator_service.engine.store import Store
from orchestrator_service.engine.transitions import Transitions
from orchestrator_service.happenings import Migrate
from orchestrator_service.plan import DEFINITIONS

log = structlog.get_logger()

MOVED_TOGETHER: Final = 200
VERSION_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Engine:
    """One replica's engine; any number of them share a store."""

    store: Store
    release: Release
    sender: Sender
    transitions: Transitions
    replica: UUID

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        database_url: str,
        amqp_url: str,
        user_limit: int,
        versions: Collection[int] = tuple(DEFINITIONS),
        quota: Quota = UNBOUNDED,
    ) -> AsyncIterator[Self]:
        """Connect to the database; `running` starts what runs by itself.

        `versions` of the table are those whose journals this replica moves; `quota` is what the
        models of a user may cost on a day.
        """
        speaker = Speaker(ORCHESTRATOR, amqp_url)
        async with open_pool(database_url) as pool:
            store = PostgresStore(pool, versions, quota)
            async with cls.on(store, speaker, user_limit, rations=bool(quota)) as engine:
                yield engine
            await speaker.close()

    @classmethod
    @contextlib.asynccontextmanager
    async def on(
        cls, store: Store, speaker: Speaker, user_limit: int, *, rations: bool = False
    ) -> AsyncIterator[Self]:
        """An engine on what is open already; `rations`: the store bounds what users spend."""
        release = Release(user_limit, rations=rations)
        sender = Sender(store, speaker, release)
        transitions = Transitions(store, sender)
        engine = cls(store, release, sender, transitions, new_id())
        async with transitions.running():
            await engine.look_round()
            yield engine

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send, sweep, release, meet deadlines and move journals on while the block runs."""
        async with (
            self.sender.running(),
            running("deadlines", lambda: timers.watch(self.store, self.transitions)),
            running("versions", self._keep_up),
        ):
            yield

    async def look_round(self) -> int:
        """See what is in force; returns the version of the table."""
        house = await self.store.house(self.replica)
        self.transitions.version = house.version
        self.release.replicas = house.replicas
        return house.version

    async def _keep_up(self) -> None:
        """Let journals follow to the version that is in force."""
        while True:
            version = await self.look_round()
            late = await self.store.outdated(version, MOVED_TOGETHER)
            moves = (self.transitions.happen(j, Migrate(version), "version") for j in late)
            outcomes = await asyncio.gather(*moves, return_exceptions=True)
            stuck = [
                (journal, outcome)
                for journal, outcome in zip(late, outcomes, strict=True)
                if isinstance(outcome, BaseException)
            ]
            for journal, error in stuck:
                log.warning("journal_not_moved_on", journal_id=str(journal), exc_info=error)
            if stuck or len(late) < MOVED_TOGETHER:
                await asyncio.sleep(VERSION_SECONDS)
