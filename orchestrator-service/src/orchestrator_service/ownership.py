"""Whose a journal is: a foreign one looks like none, except to an operator who steers it."""

from chassis.errors import NotFound
from chassis.identity import OPERATOR_SCOPE, Caller
from journal_contracts.api import JournalView, QueueView
from orchestrator_service.engine.changes import Row
from orchestrator_service.state import Saga
from orchestrator_service.views import journal_view


def no_such_journal() -> NotFound:
    """There is none of this id, or it is somebody else's: the two look the same."""
    return NotFound("There is no such journal.")


def check_may_steer(caller: Caller, saga: Saga) -> None:
    """Its owner may, and every operator."""
    if caller.user_id != saga.user_id and OPERATOR_SCOPE not in caller.scopes:
        raise no_such_journal()


def view_of(row: Row, queue: QueueView | None = None) -> JournalView:
    """A row as it is shown."""
    return journal_view(row.saga, row.created_at, row.updated_at, queue)
