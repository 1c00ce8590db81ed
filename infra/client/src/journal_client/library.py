"""What lies beside journals: tags, themes, documents, keys to providers, and what it all costs."""

from typing import Literal
from uuid import UUID

from journal_client.connection import Connection
from journal_contracts.api import (
    DocumentPage,
    DocumentView,
    Estimate,
    JournalTags,
    QuotaView,
    TagPage,
    TagsOrder,
    ThemePage,
    UsagePage,
)
from journal_contracts.product import PlanName
from journal_contracts.vault import KeyOrder, KeyPage, KeyView

UsageBy = Literal["day", "agent", "journal", "model"]


class Library(Connection):
    """The user's own."""

    async def tags(self) -> TagPage:
        return await self._get(TagPage, "/v1/tags")

    async def themes(self) -> ThemePage:
        return await self._get(ThemePage, "/v1/themes")

    async def tags_of(self, journal: UUID) -> JournalTags:
        return await self._get(JournalTags, f"/v1/journals/{journal}/tags")

    async def tag(self, journal: UUID, order: TagsOrder) -> JournalTags:
        """Put these tags in the place of those it has."""
        return await self._tell(JournalTags, "PUT", f"/v1/journals/{journal}/tags", order)

    async def documents(self) -> DocumentPage:
        return await self._get(DocumentPage, "/v1/documents")

    async def keep_document(self, name: str, content: bytes) -> DocumentView:
        """Let the platform keep a document, for journals to be ordered with."""
        answer = await self._ask("PUT", f"/v1/documents/{name}", content=content)
        return DocumentView.model_validate_json(answer.content)

    async def drop_document(self, name: str) -> None:
        await self._do("DELETE", f"/v1/documents/{name}")

    async def keys(self) -> KeyPage:
        """What is known of the user's keys to providers; never the keys."""
        return await self._get(KeyPage, "/v1/keys")

    async def put_key(self, provider: str, order: KeyOrder) -> KeyView:
        return await self._tell(KeyView, "PUT", f"/v1/keys/{provider}", order)

    async def delete_key(self, provider: str) -> None:
        await self._do("DELETE", f"/v1/keys/{provider}")

    async def usage(self, *, by: UsageBy = "day", days: int = 30) -> UsagePage:
        """What the models of the user's journals cost."""
        return await self._get(UsagePage, "/v1/usage", by=by, days=days)

    async def quota(self) -> QuotaView:
        return await self._get(QuotaView, "/v1/quota")

    async def estimate(self, plan: PlanName = PlanName.STANDARD) -> Estimate:
        """What a journal of a plan came to lately."""
        return await self._get(Estimate, "/v1/estimate", plan=plan.value)
