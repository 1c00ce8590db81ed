"""What operators ask: dead letters, and the audit."""

from datetime import datetime
from typing import Final
from uuid import UUID

from journal_client.connection import Connection
from journal_contracts.auditing import AuditReport
from journal_contracts.operating import (
    DeadLetterChoice,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLettersSettled,
    DeadLetterView,
)

DEAD_LETTER_PAGE: Final = 100


class Operating(Connection):
    """For whom the platform has made an operator."""

    async def dead_letters(
        self,
        limit: int,
        *,
        journal: UUID | None = None,
        service: str | None = None,
        name: str | None = None,
        reason: str | None = None,
    ) -> list[DeadLetterView]:
        """The newest of a kind, at most `limit`."""
        kind = {"service": service, "name": name, "reason": reason, "journal": journal}
        found: list[DeadLetterView] = []
        cursor = None
        while len(found) < limit:
            told = {**kind, "limit": min(DEAD_LETTER_PAGE, limit - len(found)), "cursor": cursor}
            page = await self._get(DeadLetterPage, "/v1/dead-letters", **told)
            found += page.items
            cursor = page.next
            if cursor is None:
                break
        return found

    async def dead_letter(self, letter: UUID) -> DeadLetterDetail:
        return await self._get(DeadLetterDetail, f"/v1/dead-letters/{letter}")

    async def redrive(self, choice: DeadLetterChoice) -> DeadLettersSettled:
        """Send dead letters back to where they failed."""
        return await self._tell(DeadLettersSettled, "POST", "/v1/dead-letters/redrive", choice)

    async def drop(self, choice: DeadLetterChoice) -> DeadLettersSettled:
        """Forget dead letters for good."""
        return await self._tell(DeadLettersSettled, "POST", "/v1/dead-letters/drop", choice)

    async def audit(self, since: datetime | None = None) -> AuditReport:
        """Whether the audit holds, and what was done."""
        told = since.isoformat() if since else None
        return await self._get(AuditReport, "/v1/audit", since=told)
