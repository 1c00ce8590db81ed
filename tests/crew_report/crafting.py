"""One journal from the order to its end, as a client gets it, and what it came to."""

import asyncio
import contextlib
from typing import Final
from uuid import UUID

from journal_client.client import Client
from journal_contracts.api import JournalOrder
from journal_contracts.events import CraftCancelled, CraftCompleted, CraftFailed, PhaseCompleted
from journal_contracts.product import PlanName
from journal_contracts.realtime import Happened
from journalcraft.platform import Platform
from journalcraft.shelf import books_among
from orchestrator_service.plan import REVIEWS

from ..conftest import registered
from .judging import Bound, Crafted
from .reading import bound_by, calls_of

PATIENCE: Final = 900.0
"""Seconds until a journal is given up, on a machine that has other work too."""
ENDS: Final = {kind.name for kind in (CraftCompleted, CraftFailed, CraftCancelled)}


async def crafted(platform: Platform, model: str, theme: str, plan: PlanName) -> Crafted:
    """A journal that nobody attends, by an account of its own."""
    async with registered(platform.url) as user:
        journal = await user.order(JournalOrder(theme=theme, plan=plan, unattended=True))
        with contextlib.suppress(TimeoutError):  # what did not end has no books, and is told so
            await asyncio.wait_for(_over(user, journal), PATIENCE)
        view = await user.state(journal)
        calls, steps = await calls_of(platform, journal)
        return Crafted(
            model=model,
            view=view,
            bound=await _bound(platform, user, journal) if view.status == "completed" else (),
            calls=calls,
            steps=steps,
            reviews=await _reviews(user, journal),
        )


async def _over(user: Client, journal: UUID) -> None:
    """Wait for the end; it may have come before anybody listened."""
    async with contextlib.aclosing(user.events()) as feed:
        async for news in feed:
            if isinstance(news, Happened) and news.type not in ENDS:
                continue
            if (await user.state(journal)).status in ("completed", "failed", "cancelled"):
                return


async def _bound(platform: Platform, user: Client, journal: UUID) -> tuple[Bound, ...]:
    files = books_among(await user.artifacts(journal))
    books = await bound_by(platform, journal)
    return tuple(Bound(book, files[book.manuscript.edition]) for book in books)


async def _reviews(user: Client, journal: UUID) -> int:
    """How often the Manager read both books and gave a verdict."""
    history = await user.history(journal)
    done = [entry for entry in history if entry.type == PhaseCompleted.name]
    return sum(entry.data["phase"] in REVIEWS for entry in done)
