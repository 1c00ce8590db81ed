"""The platform as any client sees it: one method a route, and the feed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final
from uuid import UUID

from journal_client.accounts import Accounts
from journal_client.feed import Feed
from journal_client.journals import Journals
from journal_client.library import Library
from journal_client.operating import Operating
from journal_client.place import News
from journal_client.sharing import Sharing
from journal_contracts.api import JournalView, TicketView
from journal_contracts.realtime import Happened

ENDS: Final = ("completed", "failed", "cancelled")
OF_ITS_COURSE: Final = "journal.craft."
"""Events that tell how a journal begins, goes on and ends."""


class Client(Journals, Library, Sharing, Accounts, Operating):
    """One user at one platform. Every request may be sent again: those that create carry a key."""

    def events(self) -> AsyncGenerator[News, None]:
        """What happens to this user's journals, from a snapshot on; close it (`aclosing`)."""
        return Feed(self.url, self.token).listen()

    async def finished(self, journal: UUID) -> JournalView:
        """Wait, however long, until a journal is completed, failed or cancelled."""
        async with aclosing(self.events()) as feed:
            async for news in feed:
                if not isinstance(news, Happened) or (
                    news.journal == journal and news.type.startswith(OF_ITS_COURSE)
                ):
                    view = await self.state(journal)
                    if view.status in ENDS:
                        return view
        raise AssertionError("a feed ends by raising")

    async def ticket(self, *, key: str | None = None) -> TicketView:
        """What a page may connect with in the token's place, for 30 seconds, once."""
        return await self._tell(TicketView, "POST", "/v1/rt/ticket", idempotency_key=key)
