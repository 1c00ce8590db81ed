"""Webhooks over HTTP: who wants to be told where of which events, and what became of it."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from journal_contracts import events
from journal_contracts.api import Body, View
from journal_contracts.message import PublicEvent
from journal_contracts.values import on_one_line

EventName = Literal[
    "journal.craft.started.v1",
    "journal.craft.completed.v1",
    "journal.craft.failed.v1",
    "journal.craft.cancelled.v1",
    "journal.decision.requested.v1",
    "journal.decision.closed.v1",
]
"""What can be told by a webhook: beginnings, ends, and questions."""

TELLABLE: Final[tuple[type[PublicEvent], ...]] = (
    events.CraftStarted,
    events.CraftCompleted,
    events.CraftFailed,
    events.CraftCancelled,
    events.DecisionRequested,
    events.DecisionClosed,
)

LONGEST_URL: Final = 500
Url = Annotated[
    str,
    StringConstraints(max_length=LONGEST_URL, pattern=r"^https?://[!-~]+$"),
    AfterValidator(on_one_line),
]


class WebhookOrder(Body):
    """Where to tell of which events."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://hooks.example/journals", "events": ["journal.craft.completed.v1"]}
            ]
        }
    )
    url: Url
    events: Annotated[frozenset[EventName], Field(min_length=1)]


class WebhookView(View):
    """A webhook; what failed too often in a row is disabled until its user enables it."""

    id: UUID
    url: str
    events: tuple[str, ...]
    created_at: datetime
    failures: int
    """In a row."""
    disabled_at: datetime | None = None


class NewWebhook(WebhookView):
    """The same with its secret, which is shown this once (Standard Webhooks, `whsec_...`)."""

    secret: str


class WebhookPage(View):
    """All of a user."""

    items: tuple[WebhookView, ...]


class DeliveryView(View):
    """One event on its way to a webhook; `last_status` is what was answered the last time."""

    id: UUID
    event: str
    journal_id: UUID
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    due_at: datetime
    last_status: int | None = None
    last_error: str | None = None
    created_at: datetime


class DeliveryPage(View):
    """The newest of one webhook."""

    items: tuple[DeliveryView, ...]
