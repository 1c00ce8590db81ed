"""Documents of users: which there may be, where they lie, and whether bytes are what they say."""

import re
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints

MOST: Final = 20
LARGEST: Final = 5_000_000
"""Bytes of one document."""
LARGEST_TOGETHER: Final = 20_000_000
"""Bytes of all documents of a user."""
KINDS: Final = {"txt": "text/plain", "md": "text/markdown", "pdf": "application/pdf"}
"""What can be read, by the ending of the name."""
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"

DocumentName = Annotated[str, StringConstraints(pattern=NAME)]


def documents_folder(user_id: UUID) -> str:
    """The prefix under which a user's documents lie; ends in a slash."""
    return f"users/{user_id}/documents/"


def kind_of(name: str) -> str | None:
    """The media type of a document, by the ending of its name; None for what cannot be read."""
    return KINDS.get(name.rpartition(".")[2].lower()) if "." in name else None


def name_of(file_name: str) -> str:
    """The name under which a file can be kept: what no name may hold becomes a hyphen."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", file_name).strip("-._")[-80:].lstrip("-._")


def is_what_it_says(name: str, content: bytes) -> bool:
    """Whether the bytes are of the kind that the name promises."""
    if kind_of(name) == KINDS["pdf"]:
        return content.startswith(b"%PDF-")
    try:
        return bool(content.decode().strip()) and "\0" not in content.decode()
    except UnicodeDecodeError:
        return False
