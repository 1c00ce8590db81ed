"""Journals that are shared with others, over HTTP: who is invited, and who has come."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import ConfigDict

from journal_contracts.api import Body, Email, View
from journal_contracts.product import Role, Share

OWNER_HEADER: Final = "X-JCC-Owner"
"""By which the gateway, and nobody else, asks for files of the owner of a shared journal."""

Part = Literal["viewer", "editor", "decider"]
"""What an invitation is to: a whole journal, or one of its decisions (`decider`)."""


class ShareOrder(Body):
    """Whom a journal is shared with, by the address of their account. A viewer reads; an editor
    also decides, pauses, resumes and retries."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "role": "editor"}]}
    )
    email: Email
    role: Share = "viewer"


class CollaboratorView(View):
    """Somebody a journal is shared with; until they accept, `accepted_at` is None."""

    id: UUID
    email: str
    role: Part
    decision_id: str | None = None
    """The only decision it is about, for a `decider`."""
    granted_at: datetime
    accepted_at: datetime | None = None


class CollaboratorPage(View):
    """All of one journal, in the order in which they were invited."""

    items: tuple[CollaboratorView, ...]


class InvitationView(View):
    """A journal that somebody wants to share with the caller."""

    id: UUID
    journal_id: UUID
    theme: str
    role: Part
    decision_id: str | None = None
    granted_at: datetime


class InvitationPage(View):
    """All that wait for the caller, the newest first."""

    items: tuple[InvitationView, ...]


class AccessView(View):
    """What the caller may do with a journal, and whose it is: for the gateway alone."""

    owner: UUID
    role: Role
