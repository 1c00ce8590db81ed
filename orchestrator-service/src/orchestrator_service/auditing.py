"""What operators do here stands in the audit, which the auth service keeps, before it is done."""

import httpx

from chassis.errors import Unavailable
from journal_contracts.auditing import ActOrder


class AuditUnavailable(Unavailable):
    """It cannot be noted at the moment, so it is not done."""


class Audit:
    """Notes acts in the name of whoever does them, by their own token."""

    def __init__(self, auth: httpx.AsyncClient) -> None:
        self._auth = auth

    async def note(self, token: str, order: ActOrder) -> None:
        """Returns once it is written for good; raises `AuditUnavailable`."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = order.model_dump_json(exclude_unset=True)
        try:
            answer = await self._auth.post("/v1/audit/acts", content=content, headers=headers)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise AuditUnavailable("This cannot be noted at the moment.") from error
