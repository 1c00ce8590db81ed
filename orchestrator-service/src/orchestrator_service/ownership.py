"""Whose a journal is, and what they may do whom it is shared with; foreign ones look like none."""

from typing import Final, Literal
from uuid import UUID

from chassis.errors import Forbidden, NotFound
from journal_contracts.api import JournalView, QueueView
from journal_contracts.product import Role
from orchestrator_service.engine.changes import Row
from orchestrator_service.state import Saga
from orchestrator_service.views import journal_view

Wish = Literal["read", "decide", "steer", "own"]
MAY: Final[dict[Role, frozenset[Wish]]] = {
    "viewer": frozenset({"read"}),
    "editor": frozenset({"read", "decide", "steer"}),
    "owner": frozenset({"read", "decide", "steer", "own"}),
}
"""Who owns it alone shares it, cancels it and deletes it."""


class RoleTooSmall(Forbidden):
    """The journal is shared with the caller, but not for this."""


def no_such_journal() -> NotFound:
    """There is none of this id, or it is somebody else's: the two look the same."""
    return NotFound("There is no such journal.")


def role_of(user_id: UUID, saga: Saga) -> Role | None:
    """What somebody is to a journal."""
    return "owner" if saga.user_id == user_id else saga.members.get(user_id)


def check_may(user_id: UUID, saga: Saga, wish: Wish) -> None:
    """Refuse whoever may not: 404 to strangers, 403 to whom it is shared with."""
    role = role_of(user_id, saga)
    if role is None:
        raise no_such_journal()
    if wish not in MAY[role]:
        raise RoleTooSmall("This journal is shared with you, but not for this.", role=role)


def view_of(
    row: Row, user_id: UUID, queue: QueueView | None = None, seconds_left: float | None = None
) -> JournalView:
    """A row as it is shown to somebody; who only decides something in it sees it as viewers do."""
    role = role_of(user_id, row.saga) or "viewer"
    return journal_view(row.saga, row.created_at, row.updated_at, queue, seconds_left, role=role)
