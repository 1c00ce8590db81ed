"""What a picture by a model is: bytes of a known kind and size, and what they cost."""

import struct
from dataclasses import dataclass
from typing import Final, Protocol

from agent_workers.models.provider import Tokens

OUTPUT: Final = 6_300
"""Tokens that the largest picture weighs, of the models that count them."""
MOST_BYTES: Final = 25_000_000
MOST_PIXELS: Final = 25_000_000
LEAST_SIDE: Final = 64


@dataclass(frozen=True)
class Drawn:
    """A picture as it came, and what it cost."""

    content: bytes
    media_type: str
    tokens: Tokens


class Pictures(Protocol):
    """What makes pictures."""

    async def draw(self, prompt: str) -> Drawn:
        """One picture, checked. Cancelling closes the connection."""
        ...


class UnfitPicture(Exception):
    """Bytes that are no picture, or none that can be set in a book."""


def media_type_of(content: bytes) -> str:
    """By what it is, never by what it is called; raises `UnfitPicture`."""
    if len(content) > MOST_BYTES:
        raise UnfitPicture("The picture is too large.")
    media_type, (width, height) = _measured(content)
    if min(width, height) < LEAST_SIDE or width * height > MOST_PIXELS:
        raise UnfitPicture(f"The picture has {width} x {height} pixels.")
    return media_type


def _measured(content: bytes) -> tuple[str, tuple[int, int]]:
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
            return "image/png", struct.unpack(">II", content[16:24])
        if content.startswith(b"\xff\xd8\xff"):
            return "image/jpeg", _of_jpeg(content)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return "image/webp", _of_webp(content)
    except (struct.error, IndexError):
        raise UnfitPicture("The picture ends before it begins.") from None
    raise UnfitPicture("The picture is neither PNG, JPEG nor WebP.")


def _of_jpeg(content: bytes) -> tuple[int, int]:
    """The frame header among the segments: each has a marker, and its own length.

    The mark of the end must be there: readers paint the rest of half a picture grey.
    """
    if not content.endswith(b"\xff\xd9"):
        raise UnfitPicture("The picture has no end.")
    at = 2
    while content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    raise UnfitPicture("The picture has no size.")


def _of_webp(content: bytes) -> tuple[int, int]:
    """Extended, lossless and lossy files say it in three ways."""
    match content[12:16]:
        case b"VP8X":
            sides = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
            return next(sides), next(sides)
        case b"VP8L":
            bits = int(struct.unpack("<I", content[21:25])[0])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack("<HH", content[26:30])
            return width & 0x3FFF, height & 0x3FFF
    raise UnfitPicture("The picture has no size.")
