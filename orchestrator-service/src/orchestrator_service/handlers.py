"""What the orchestrator hears: the answers of the crew and of the shelf."""

import structlog
from faststream.rabbit import RabbitBroker

from chassis.broker import hear
from chassis.errors import NotFound
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.events import AssetsRegistered, StepFailed, StepFinished
from orchestrator_service.saga import Reply
from orchestrator_service.transitions import Transitions

log = structlog.get_logger()


def listen(broker: RabbitBroker, transitions: Transitions) -> None:
    """Every answer moves the journal it is about."""

    async def move(reply: Reply) -> None:
        try:
            await transitions.happen(reply.journal_id, reply, actor=reply.phase)
        except NotFound:
            log.info("reply_for_no_journal", journal_id=str(reply.journal_id), phase=reply.phase)

    hear(broker, ORCHESTRATOR, StepFinished, move)
    hear(broker, ORCHESTRATOR, StepFailed, move)
    hear(broker, ORCHESTRATOR, AssetsRegistered, move)
