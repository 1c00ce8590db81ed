"""Deadlines: when the database says that one has passed, that happens to the journal."""

import asyncio
import contextlib
from typing import Final
from uuid import UUID

import structlog

from orchestrator_service.engine.store import Store
from orchestrator_service.engine.transitions import DATA_ERRORS, Transitions
from orchestrator_service.happenings import DeadlinePassed, Poisoned

log = structlog.get_logger()

LONGEST_SLEEP: Final = 1.0
TOGETHER: Final = 200


async def watch(store: Store, transitions: Transitions) -> None:
    """Wake at the next deadline of any journal, at the latest after a second."""
    while True:
        due = await store.due(TOGETHER)
        transitions.clock.set(due.now)
        outcomes = await asyncio.gather(
            *(
                transitions.happen(journal, DeadlinePassed(sent), "deadline")
                for journal, sent in due.journals.items()
            ),
            return_exceptions=True,
        )
        for journal, outcome in zip(due.journals, outcomes, strict=True):
            if isinstance(outcome, DATA_ERRORS):
                await _give_up(transitions, journal, outcome)
            elif isinstance(outcome, BaseException):
                log.warning("deadline_not_met", journal_id=str(journal), exc_info=outcome)
        if len(due.journals) < TOGETHER:
            wait = LONGEST_SLEEP if due.next_in is None else max(0.0, due.next_in)
            await asyncio.sleep(min(wait, LONGEST_SLEEP))


async def _give_up(transitions: Transitions, journal: UUID, error: Exception) -> None:
    """Nothing but the clock touched it, and that was too much: the journal itself is broken."""
    log.error("journal_poisoned", journal_id=str(journal), exc_info=error)
    with contextlib.suppress(Exception):
        await transitions.happen(journal, Poisoned(type(error).__name__), "deadline")
