"""How a file is handed out: which bytes are wanted, and what is said about them (RFC 9110)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from media_service.store import Asset

RANGE: Final = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII)
SVG: Final = "image/svg+xml"
LONGEST_NUMBER: Final = 18


@dataclass(frozen=True)
class Span:
    """The bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(ValueError):
    """The file has none of the bytes that were asked for."""


def etag_of(asset: Asset) -> str:
    return f'"{asset.sha256}"'


def span_wanted(headers: Mapping[str, str], asset: Asset) -> Span | None:
    """The part asked for, or None for the whole file.

    What is no single range of bytes is passed over, and so is a range of another version.
    """
    found = RANGE.fullmatch(headers.get("range", ""))
    if not found or headers.get("if-range", etag_of(asset)) != etag_of(asset):
        return None
    first, last = found.groups()
    if max(len(first), len(last)) > LONGEST_NUMBER or not (first or last):
        return None
    if first:
        return _span(int(first), int(last) if last else asset.bytes - 1, asset.bytes)
    return _span(max(0, asset.bytes - int(last)), asset.bytes - 1, asset.bytes)


def is_known(headers: Mapping[str, str], asset: Asset) -> bool:
    """Does the caller have these bytes already?"""
    named = headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in named.split(",")}
    return "*" in tags or etag_of(asset) in tags


def headers_for(asset: Asset) -> dict[str, str]:
    """What holds for every answer about this file. Pictures may be shown; books are saved."""
    headers = {
        "ETag": etag_of(asset),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="{asset.name}"',
    }
    if asset.media_type == SVG:
        headers["Content-Disposition"] = f'inline; filename="{asset.name}"'
        headers["Content-Security-Policy"] = (
            "sandbox; default-src 'none'; style-src 'unsafe-inline'"
        )
    return headers


def _span(first: int, last: int, size: int) -> Span | None:
    if first >= size:
        raise Unsatisfiable
    return Span(first, min(last, size - 1)) if first <= last else None
