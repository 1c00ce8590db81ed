"""Journals: ordered, watched, steered, answered, fetched."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from journal_client.connection import Connection, key_of
from journal_contracts.api import (
    Answer,
    AnswerResult,
    AssetPage,
    AssetView,
    DraftView,
    Extension,
    HandOver,
    HistoryEntry,
    HistoryPage,
    JobState,
    JournalOrder,
    JournalPage,
    JournalView,
    PauseOrder,
    RetryOrder,
    Sort,
    Status,
)

HISTORY_PAGE: Final = 500


class Journals(Connection):
    """Those of the user, and those that others share with them.

    `if_match` is the `n` of the state that a wish rests on, in quotes: `Refused` with 412 where
    anything has happened since.
    """

    async def order(self, order: JournalOrder, *, key: str | None = None) -> UUID:
        """Order a journal; the same key never orders twice."""
        keyed = key_of(key)
        path = "/v1/journals"
        return (await self._tell(JournalView, "POST", path, order, idempotency_key=keyed)).id

    async def journals(
        self,
        *,
        cursor: str | None = None,
        limit: int = 20,
        status: Sequence[Status] = (),
        q: str | None = None,
        sort: Sort = "newest",
        tag: str | None = None,
    ) -> JournalPage:
        """A page of the shelf; its `next` is the `cursor` of the following one."""
        told = {"cursor": cursor, "limit": limit, "q": q, "sort": sort, "tag": tag}
        return await self._get(JournalPage, "/v1/journals", **told, status=list(status))

    async def state(self, journal: UUID) -> JournalView:
        return await self._get(JournalView, f"/v1/journals/{journal}")

    async def job(self, journal: UUID) -> JobState:
        """How far it is, in few words: what is cheap to ask often."""
        return await self._get(JobState, f"/v1/journals/{journal}/state")

    async def history(self, journal: UUID) -> list[HistoryEntry]:
        """Everything that happened to a journal, in order."""
        lines: list[HistoryEntry] = []
        after: int | None = 0
        while after is not None:
            path = f"/v1/journals/{journal}/history"
            page = await self._get(HistoryPage, path, cursor=after, limit=HISTORY_PAGE)
            lines += page.items
            after = page.next
        return lines

    async def state_at(self, journal: UUID, seq: int) -> JournalView:
        """A journal as it was right after a transition."""
        return await self._get(JournalView, f"/v1/journals/{journal}/history/{seq}")

    async def picture(self, journal: UUID) -> str:
        """Its course, as SVG."""
        return (await self._ask("GET", f"/v1/journals/{journal}/picture")).text

    async def decide(
        self, journal: UUID, decision: str, answer: Answer, *, key: str | None = None
    ) -> AnswerResult:
        """Answer a decision; `Refused` with 409, 410 or 404 if it was too late or never asked."""
        path = f"/v1/journals/{journal}/decisions/{decision}"
        keyed = key_of(key)
        return await self._tell(AnswerResult, "POST", path, answer, idempotency_key=keyed)

    async def extend(self, journal: UUID, decision: str, more: Extension) -> JournalView:
        """Give a decision more time."""
        path = f"/v1/journals/{journal}/decisions/{decision}/extend"
        return await self._tell(JournalView, "POST", path, more)

    async def hand_over(self, journal: UUID, decision: str, order: HandOver) -> JournalView:
        """Let somebody else answer a decision too."""
        path = f"/v1/journals/{journal}/decisions/{decision}/hand-over"
        return await self._tell(JournalView, "POST", path, order)

    async def cancel(self, journal: UUID, *, if_match: str | None = None) -> JournalView:
        """Stop a journal; what was made so far is kept."""
        path = f"/v1/journals/{journal}/cancel"
        return await self._tell(JournalView, "POST", path, if_match=if_match)

    async def pause(
        self, journal: UUID, order: PauseOrder | None = None, *, if_match: str | None = None
    ) -> JournalView:
        """Let a journal stand still."""
        path = f"/v1/journals/{journal}/pause"
        return await self._tell(JournalView, "POST", path, order, if_match=if_match)

    async def resume(self, journal: UUID, *, if_match: str | None = None) -> JournalView:
        """Go on with a paused journal."""
        path = f"/v1/journals/{journal}/resume"
        return await self._tell(JournalView, "POST", path, if_match=if_match)

    async def retry(
        self,
        journal: UUID,
        order: RetryOrder | None = None,
        *,
        if_match: str | None = None,
        key: str | None = None,
    ) -> JournalView:
        """Take up a journal that ended or failed."""
        told = {"if_match": if_match, "idempotency_key": key_of(key)}
        return await self._tell(JournalView, "POST", f"/v1/journals/{journal}/retry", order, **told)

    async def delete(self, journal: UUID) -> None:
        """Delete a journal with everything made for it."""
        await self._do("DELETE", f"/v1/journals/{journal}")

    async def draft(self, journal: UUID) -> str:
        """Both books in words, as a page of HTML."""
        return await self._draft(journal, "html")

    async def draft_view(self, journal: UUID) -> DraftView:
        """The same for programs."""
        return DraftView.model_validate_json(await self._draft(journal, "json"))

    async def _draft(self, journal: UUID, kind: Literal["html", "json"]) -> str:
        path = f"/v1/journals/{journal}/draft"
        return (await self._ask("GET", path, params={"format": kind})).text

    async def artifacts(self, journal: UUID) -> tuple[AssetView, ...]:
        """The files of a journal that are finished."""
        return (await self._get(AssetPage, f"/v1/journals/{journal}/artifacts")).items

    async def download(self, asset: AssetView) -> AsyncIterator[bytes]:
        """The bytes of a file, in chunks."""
        url = urljoin(self.url, asset.href)
        ours = urlsplit(url).netloc == urlsplit(self.url).netloc
        async for chunk in self._chunks("GET", url, ours=ours):
            yield chunk
