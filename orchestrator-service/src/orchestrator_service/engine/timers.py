"""Deadlines: when the database says that one has passed, that happens to the journal."""

import asyncio
from typing import Final

import structlog

from chassis.database import Pool
from orchestrator_service.engine import statements
from orchestrator_service.engine.transitions import Transitions
from orchestrator_service.saga import DeadlinePassed

log = structlog.get_logger()

LONGEST_SLEEP: Final = 1.0
TOGETHER: Final = 200


async def watch(pool: Pool, transitions: Transitions) -> None:
    """Wake at the next deadline of any journal, at the latest after a second."""
    while True:
        due = await statements.due(pool, TOGETHER)
        transitions.clock.set(due.now)
        outcomes = await asyncio.gather(
            *(
                transitions.happen(journal, DeadlinePassed(), "deadline")
                for journal in due.journals
            ),
            return_exceptions=True,
        )
        for journal, outcome in zip(due.journals, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                log.warning("deadline_not_met", journal_id=str(journal), exc_info=outcome)
        if len(due.journals) < TOGETHER:
            wait = LONGEST_SLEEP if due.next_in is None else max(0.0, due.next_in)
            await asyncio.sleep(min(wait, LONGEST_SLEEP))
