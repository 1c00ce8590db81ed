"""Whose a journal is: a foreign one looks like none, until an operator steers it."""

from uuid import UUID

from chassis.errors import NotFound
from journal_contracts.api import JournalView, QueueView
from orchestrator_service.engine.changes import Row
from orchestrator_service.state import Saga
from orchestrator_service.views import journal_view


def no_such_journal() -> NotFound:
    """There is none of this id, or it is somebody else's: the two look the same."""
    return NotFound("There is no such journal.")


def check_is_of(user_id: UUID, saga: Saga) -> None:
    """Refuse whoever is not its owner."""
    if saga.user_id != user_id:
        raise no_such_journal()


def view_of(
    row: Row, queue: QueueView | None = None, seconds_left: float | None = None
) -> JournalView:
    """A row as it is shown."""
    return journal_view(row.saga, row.created_at, row.updated_at, queue, seconds_left)
