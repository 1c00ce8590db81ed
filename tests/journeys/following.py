"""Following a journal as a client does: told by the socket, answering what is asked."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

from journal_client.client import ENDS, Client
from journal_contracts.api import Answer, JournalView
from journal_contracts.decisions import Choice


async def states(user: Client, journal: UUID) -> AsyncGenerator[JournalView, None]:
    """The state of a journal, whenever something happened."""
    async with contextlib.aclosing(user.events()) as feed:
        async for _ in feed:
            yield await user.state(journal)


async def until(user: Client, journal: UUID, wanted: Callable[[JournalView], bool]) -> JournalView:
    """The first state that is as wanted."""
    async with contextlib.aclosing(states(user, journal)) as following:
        async for view in following:
            if wanted(view):
                return view
            assert view.status not in ENDS, view
    raise AssertionError("the feed ended")


async def over(user: Client, journal: UUID, **choices: str) -> JournalView:
    """The last state of a journal; what is asked is answered, by the default if nothing is said."""
    answered: set[tuple[str, int]] = set()

    async def look(view: JournalView) -> None:
        for asked in view.open_decisions:
            if (asked.id, asked.rev) not in answered:
                answered.add((asked.id, asked.rev))
                choice = Choice(option=choices.get(asked.id, asked.default))
                await user.decide(journal, asked.id, Answer(rev=asked.rev, choice=choice))

    async with contextlib.aclosing(states(user, journal)) as following:
        async for view in following:
            if view.status in ENDS:
                return view
            await look(view)
    raise AssertionError("the feed ended")


def done(view: JournalView, phase: str) -> int:
    """How many parts of a phase are done."""
    return next(seen.done for seen in view.phases if seen.name == phase)
