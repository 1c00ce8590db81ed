"""Deadlines: rows whose time has come by the database's clock, turned into a happening each."""

import asyncio
import contextlib

from chassis.database import Database
from chassis.errors import NotFound
from orchestrator_service import store
from orchestrator_service.saga import DeadlinePassed
from orchestrator_service.transitions import Transitions

LONGEST_NAP = 1.0


async def watch(database: Database, transitions: Transitions) -> None:
    """Never ends. Any replica may take any deadline; the row's version lets one of them win."""
    while True:
        async with database.transaction() as session:
            due = await store.due_journals(session)
            nap = await store.next_due_in(session)
        for journal_id in due:
            with contextlib.suppress(NotFound):
                await transitions.happen(journal_id, DeadlinePassed(), actor="clock")
        if not due:
            await asyncio.sleep(LONGEST_NAP if nap is None else min(LONGEST_NAP, max(0.01, nap)))
