"""Keys of users to the providers of models: written, listed and deleted by them, read by nobody."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from journal_contracts.api import Body, View

VAULT_SCOPE: Final = "vault:use"
"""Of the service that asks models in the name of users."""

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
ProviderKey = Annotated[
    str, StringConstraints(strip_whitespace=False, pattern=r"^[\x21-\x7e]{16,500}$")
]


class KeyOrder(Body):
    """The key that shall be used from now on."""

    key: ProviderKey


class KeyView(View):
    """A key, as far as its owner is shown it."""

    provider: str
    last_four: str
    fingerprint: str
    """The first 16 hex digits of its SHA-256."""
    version: int
    """Counts the keys that were written for this provider."""
    created_at: datetime
    used_at: datetime | None = None


class KeyPage(View):
    """The caller's keys, by provider."""

    items: tuple[KeyView, ...]


# --- between services ---------------------------------------------------------------------------


class KeyWish(Body):
    """For which journal of whom which keys are needed."""

    journal_id: UUID
    user_id: UUID
    providers: Annotated[tuple[ProviderName, ...], Field(max_length=50)]


class KeysGiven(View):
    """Those of them that the user has; the service keeps them for one step, and writes none."""

    keys: dict[str, str]


class JournalOwner(View):
    """Whose a journal is, and whether anybody may work on it now."""

    user_id: UUID
    open: bool
