"""Files that are never half written: beside their place first, then moved there."""

import os
import secrets
from pathlib import Path


def write_whole(place: Path, content: str) -> None:
    """Put text in a file; who reads it sees the old or the new, never a part."""
    _write(place, content, 0o666)


def write_private(place: Path, content: str) -> None:
    """The same, for its owner's eyes only."""
    _write(place, content, 0o600)


def draft_of(place: Path) -> Path:
    """Where to write what is to become this file: in the same folder, with a name of its own."""
    return place.with_name(f".{place.name}.{secrets.token_hex(4)}")


def _write(place: Path, content: str, mode: int) -> None:
    draft = draft_of(place)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(content)
    draft.replace(place)
