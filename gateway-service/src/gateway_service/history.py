"""What the orchestrator keeps of all it told: where a feed has a gap, the missing piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway_service.owners import Owner, OwnerUnavailable
from journal_contracts.api import ToldEvent, ToldEvents


@dataclass(frozen=True)
class History:
    """The public events of all journals; a service asks for them, and no user."""

    owner: Owner

    async def between(self, journal_id: UUID, first: int, last: int) -> Sequence[ToldEvent]:
        """Some from `first` on, in order; none where they are gone. Raises `Unavailable`."""
        answer = await self.owner.ask(
            "GET", f"/v1/journals/{journal_id}/told", params={"first": first, "last": last}
        )
        if not answer.is_success:
            raise OwnerUnavailable(self.owner.name)
        return ToldEvents.model_validate_json(answer.content).items
