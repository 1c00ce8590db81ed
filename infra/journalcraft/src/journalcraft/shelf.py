"""The folder that a finished journal is put in, and the books that come into it."""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from journal_contracts.api import AssetView
from journal_contracts.product import Edition
from journalcraft.files import draft_of

RESERVED: Final = {"reports"}
"""Names under OUT that mean something else."""

LONGEST_SLUG: Final = 60
FILES: Final = {Edition.JOURNAL: "journal.pdf", Edition.LEAD_MAGNET: "lead-magnet.pdf"}
PDF: Final = "application/pdf"


class Damaged(Exception):
    """What arrived is not what was registered."""


class BookMissing(Exception):
    """The journal is said to be complete, and a book is not on the shelf."""


def slug_of(theme: str) -> str:
    """A theme as a folder's name: ASCII, lower case, hyphens."""
    plain = unicodedata.normalize("NFKD", theme).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"(?<=\w)'(?=\w)", "", plain)
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:LONGEST_SLUG].rstrip("-") or "journal"


def make_folder(out: Path, slug: str) -> Path:
    """Make OUT/<slug> or the next free one, -2, -3 ...; it is ours alone, whoever else tries."""
    number = 1
    while True:
        name = slug if number == 1 else f"{slug}-{number}"
        if name not in RESERVED:
            try:
                (out / name).mkdir()
            except FileExistsError:
                pass
            else:
                return out / name
        number += 1


def remove_folder(folder: Path) -> None:
    """Take back a folder that could not be filled."""
    shutil.rmtree(folder, ignore_errors=True)


def books_among(assets: tuple[AssetView, ...]) -> dict[Edition, AssetView]:
    """Both books as PDF; raises `BookMissing`."""
    found = {a.edition: a for a in assets if a.edition and a.media_type == PDF}
    if missing := [edition for edition in FILES if edition not in found]:
        raise BookMissing(f"There is no PDF of: {', '.join(missing)}.")
    return {edition: found[edition] for edition in FILES}


async def put(asset: AssetView, content: AsyncIterator[bytes], place: Path) -> None:
    """Write a file as it comes in; it appears only when its checksum is the registered one."""
    draft = draft_of(place)
    digest, size = hashlib.sha256(), 0
    try:
        with draft.open("xb") as file:
            async for chunk in content:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        if (digest.hexdigest(), size) != (asset.sha256, asset.bytes):
            raise Damaged(f"{asset.name} arrived damaged: {size} of {asset.bytes} bytes.")
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
