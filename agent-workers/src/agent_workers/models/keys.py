"""Keys to providers: the platform's, and those that users brought. None is ever written down.

What the ledger and the metrics know of a key is its mark, which tells two keys apart and opens
nothing.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pydantic import SecretStr

NO_KEY: Final = "none"
"""What is sent to a server that asks for no key: the client insists on some text."""


@dataclass(frozen=True)
class Key:
    """A key to one provider; `own` where a user brought it."""

    secret: SecretStr = field(default=SecretStr(NO_KEY), repr=False)
    own: bool = False

    @property
    def mark(self) -> str:
        """The first 8 hex digits of its SHA-256; empty where there is none."""
        text = self.secret.get_secret_value()
        return "" if text == NO_KEY else hashlib.sha256(text.encode()).hexdigest()[:8]


Fetch = Callable[[UUID, UUID], Awaitable[Mapping[str, SecretStr]]]
"""A user's keys by provider, for a journal; raises `ModelTrouble` where nobody can say."""


class OwnKeys:
    """The keys of users, at hand while a step of theirs is worked; then forgotten."""

    def __init__(self, fetch: Fetch | None = None) -> None:
        self._fetch = fetch
        self._at_hand: dict[UUID, list[dict[str, Key]]] = {}

    @contextlib.asynccontextmanager
    async def at_hand(self, user: UUID, journal: UUID) -> AsyncIterator[None]:
        """Fetch a user's keys for a step of a journal. Steps side by side fetch each their own."""
        told = await self._fetch(user, journal) if self._fetch else {}
        mine = {name: Key(secret, own=True) for name, secret in told.items()}
        self._at_hand.setdefault(user, []).append(mine)
        try:
            yield
        finally:
            self._at_hand[user] = [held for held in self._at_hand[user] if held is not mine]
            if not self._at_hand[user]:
                del self._at_hand[user]

    def of(self, user: UUID) -> dict[str, Key]:
        """This user's own keys, by provider, as they were fetched last; empty for most."""
        held = self._at_hand.get(user)
        return held[-1] if held else {}
