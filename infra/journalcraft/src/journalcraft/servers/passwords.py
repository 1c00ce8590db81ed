"""The passwords of a state folder: drawn once, for its owner's eyes, used by every later start."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Passwords:
    """One secret for each door; `cookie` is Erlang's, `signing` guards SeaweedFS's inner ports."""

    rabbitmq: str
    cookie: str
    postgres: str
    redis: str
    s3_access: str
    s3_secret: str
    signing: str


def passwords_of(state: Path) -> Passwords:
    """Read them, or draw them when the folder is new; the caller holds the folder's lock."""
    path = state / "passwords.json"
    if path.exists():
        return Passwords(**json.loads(path.read_text()))
    drawn = Passwords(*(secrets.token_hex(20) for _ in Passwords.__dataclass_fields__))
    write_private(path, json.dumps(asdict(drawn)))
    return drawn


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read, never readable by others in between."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return fresh.replace(path)
