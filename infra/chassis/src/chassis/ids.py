"""Ids and the time, as services make them; tests pass their own."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7: unique, and sorted by the time it was made."""
    return uuid_utils.compat.uuid7()


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
