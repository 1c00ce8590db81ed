"""Are these the files the crew said it made? Until that is known nothing goes on the shelf."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from chassis.blobs import BadKey, BlobMissing, Blobs
from journal_contracts.artifacts import Blob, BoundBook, Editions, Illustration
from journal_contracts.commands import RegisterAssets

NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
PICTURES: Final = {
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
}
"""What a picture may be, and how its file is called."""


@dataclass(frozen=True)
class File:
    """A file under the name it has on the shelf; `book` only where it is one."""

    name: str
    blob: Blob
    book: BoundBook | None = None


class Refused(Exception):
    """These files cannot be taken, now or later."""

    code: str


class AssetDamaged(Refused):
    """Bytes are missing, or are not what the artifact says."""

    code = "asset_damaged"


class AssetForeign(Refused):
    """A key leads out of the journal's own folder."""

    code = "asset_foreign"


def home_of(user_id: UUID, journal_id: UUID) -> str:
    """Where every key of this journal lies; ends in a slash."""
    return f"users/{user_id}/journals/{journal_id}/"


async def inspect(blobs: Blobs, command: RegisterAssets) -> tuple[File, ...]:
    """The files to register, books first. Raises `Refused`; other errors deserve another try."""
    home = home_of(command.user_id, command.journal_id)
    files = files_of(_editions(await _fetch(blobs, command.editions, home)))
    for file in files:  # one after the other: no more than one book is in memory
        _compare(file, await _fetch(blobs, file.blob.key, home))
    return files


def files_of(editions: Editions) -> tuple[File, ...]:
    """What the artifact lists, under names that are unique and safe in a header and a path."""
    files = (*map(_book, editions.books), *map(_picture, editions.illustrations))
    names = [file.name for file in files]
    for name in names:
        if not NAME.fullmatch(name):
            raise AssetDamaged(f"{name!r} is no name for a file.")
    if len(set(names)) < len(names):
        raise AssetDamaged("Two files have the same name.")
    return files


def _book(book: BoundBook) -> File:
    return File(book.name, book.blob, book)


def _picture(picture: Illustration) -> File:
    kind = PICTURES.get(picture.blob.media_type)
    if kind is None:
        raise AssetDamaged(f"{picture.requirement_id} is a {picture.blob.media_type}, no picture.")
    return File(f"{picture.requirement_id.replace('_', '-')}.{kind}", picture.blob)


async def _fetch(blobs: Blobs, key: str, home: str) -> bytes:
    if not key.startswith(home):
        raise AssetForeign(f"{key} is not in this journal's folder.")
    try:
        return await blobs.get(key)
    except BadKey as error:
        raise AssetForeign(f"{key} is not a key.") from error
    except BlobMissing as error:
        raise AssetDamaged(f"There is nothing under {key}.") from error


def _editions(content: bytes) -> Editions:
    try:
        return Editions.model_validate_json(content)
    except ValidationError as error:
        raise AssetDamaged("The list of editions cannot be read.") from error


def _compare(file: File, content: bytes) -> None:
    if not content or len(content) != file.blob.bytes:
        raise AssetDamaged(f"{file.name} has {len(content)} bytes, not {file.blob.bytes}.")
    if hashlib.sha256(content).hexdigest() != file.blob.sha256:
        raise AssetDamaged(f"{file.name} does not have the checksum it was made with.")
