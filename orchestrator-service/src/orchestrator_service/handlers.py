"""What the orchestrator hears: the answers of the crew and of the shelf, and who is at work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import structlog
from faststream.rabbit import RabbitBroker

from chassis import failpoints
from chassis.broker import NotForMe, hear, hear_on_every_replica, hearing_hot
from chassis.errors import NotFound
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.events import (
    AssetsRegistered,
    AssetsWithdrawn,
    StepFailed,
    StepFinished,
    WorkerAlive,
)
from journal_contracts.message import StepRef
from orchestrator_service.engine.releasing import Release
from orchestrator_service.engine.transitions import (
    DATA_ERRORS,
    OtherVersion,
    StoreAway,
    Transitions,
)
from orchestrator_service.happenings import Reply

log = structlog.get_logger()

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0


class Handlers:
    """Every answer moves the journal it is about."""

    def __init__(self, transitions: Transitions, release: Release) -> None:
        self._transitions = transitions
        self._release = release

    async def move(self, reply: Reply) -> None:
        """Let an answer happen to its journal; when this returns, that is committed."""
        failpoints.reach("after_consume", (reply.phase,))
        await self._settle(reply)
        failpoints.reach("before_ack", (reply.phase,))

    async def _settle(self, reply: Reply) -> None:
        """Wait for the database as long as it takes: an answer is not at fault if it is away."""
        pause, answer = FIRST_PAUSE, reply
        while True:
            try:
                await self._transitions.happen(reply.journal_id, answer, actor=reply.phase)
                return
            except OtherVersion as error:
                raise NotForMe from error
            except DATA_ERRORS as error:
                if answer is not reply:
                    raise
                answer = _unusable(reply, error)
            except NotFound:
                log.info("reply_for_no_journal", journal=str(reply.journal_id), phase=reply.phase)
                return
            except StoreAway:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def see(self, alive: WorkerAlive) -> None:
        """A worker is there, and so is room for its pools."""
        self._release.heartbeat(alive.worker, alive.at_once)

    def listen(self, broker: RabbitBroker) -> None:
        """Hear what comes now and then."""
        hear(broker, ORCHESTRATOR, StepFailed, self.move)
        hear(broker, ORCHESTRATOR, AssetsRegistered, self.move)
        hear(broker, ORCHESTRATOR, AssetsWithdrawn, self.move)
        hear_on_every_replica(broker, ORCHESTRATOR, WorkerAlive, self.see)

    @contextlib.asynccontextmanager
    async def listening_hot(self, broker: RabbitBroker, url: str) -> AsyncIterator[None]:
        """Hear what comes all the time."""
        async with hearing_hot(broker, url, ORCHESTRATOR, StepFinished, self.move):
            yield


def _unusable(reply: Reply, error: Exception) -> StepFailed:
    """What such an answer comes to: the step failed, it alone, and is tried again as any other."""
    log.error(
        "answer_unusable", journal_id=str(reply.journal_id), phase=reply.phase, exc_info=error
    )
    step = {name: getattr(reply, name) for name in StepRef.model_fields}
    return StepFailed(
        **step, kind="infrastructure", code="answer_unusable", detail="The answer cannot be kept."
    )
