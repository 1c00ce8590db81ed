"""Keys to providers: the platform's, and those that users brought. None is ever written down.

What the ledger and the metrics know of a key is its mark, which tells two keys apart and opens
nothing.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr

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


class _Brought(BaseModel):
    """The file: `[users."<uuid>"]`, and under it `<provider> = "<key>"`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    users: dict[UUID, dict[str, SecretStr]] = {}


class OwnKeys:
    """The keys of users, in a file that is read again when it has changed."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._read_at: tuple[int, int] | None = None
        self._users: Mapping[UUID, dict[str, SecretStr]] = {}

    def of(self, user: UUID) -> dict[str, Key]:
        """This user's own keys, by provider; empty for most."""
        if self._file is None:
            return {}
        state = self._file.stat()
        if (now := (state.st_mtime_ns, state.st_ino)) != self._read_at:
            self._users = _Brought.model_validate(tomllib.loads(self._file.read_text())).users
            self._read_at = now
        return {name: Key(secret, own=True) for name, secret in self._users.get(user, {}).items()}
