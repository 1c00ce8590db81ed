"""Which characters our fonts can print, and what stands for those they cannot.

PDF/UA forbids a character without a glyph, and a box in print is a defect nobody asked for. So a
pictograph (an emoji) is replaced by a bullet and a foreign letter by a white square, both visible;
a text whose letters are largely foreign to the fonts is refused with `ScriptNotCovered`.
"""

import struct
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from journal_contracts.artifacts import Manuscript

FONTS: Final = Path(__file__).parent / "fonts"
FOREIGN_SHARE: Final = 0.02
PICTOGRAPH: Final = "\u2022"
LETTER: Final = "\u25a1"


class ScriptNotCovered(ValueError):
    """The book is in a script that none of the fonts has letters for."""


def unprintable(manuscript: Manuscript) -> tuple[str, ...]:
    """The characters of a manuscript that will be replaced in print, each once and in order."""
    return tuple(
        sorted({char for _, text in manuscript.texts() for char in text if not _has(char)})
    )


def refuse_foreign_script(manuscript: Manuscript) -> None:
    """Raises `ScriptNotCovered` where replacing letters would leave no readable book."""
    letters = [char for _, text in manuscript.texts() for char in text if char.isalpha()]
    missing = [char for char in letters if not _has(char)]
    if len(missing) > FOREIGN_SHARE * max(1, len(letters)):
        some = " ".join(sorted(set(missing))[:8])
        raise ScriptNotCovered(f"no font of the house has letters such as {some}")


def printable(text: str) -> str:
    """The text with a visible sign in the place of everything no font can print."""
    shown: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        sign = char if _has(char) else _sign(char)
        if not (sign and sign != char and shown and shown[-1] == sign):
            shown.append(sign)
    return "".join(shown)


def _has(char: str) -> bool:
    return char.isspace() or ord(char) in covered()


def _sign(char: str) -> str:
    match unicodedata.category(char)[0]:
        case "C" | "M":
            return ""
        case "L" | "N":
            return LETTER
        case _:
            return PICTOGRAPH


@cache
def covered() -> frozenset[int]:
    """Every code point that one of the families can print: each is a fallback of the others."""
    return frozenset(
        point for font in FONTS.glob("*Regular.ttf") for point in _points(font.read_bytes())
    )


def _points(font: bytes) -> Iterator[int]:
    """The code points of a TrueType font's character map (formats 4 and 12)."""
    (count,) = struct.unpack_from(">H", font, 4)
    tables = (struct.unpack_from(">4sLLL", font, 12 + 16 * at) for at in range(count))
    start = next(offset for tag, _, offset, _ in tables if tag == b"cmap")
    (subtables,) = struct.unpack_from(">H", font, start + 2)
    for at in range(subtables):
        _, _, offset = struct.unpack_from(">HHL", font, start + 4 + 8 * at)
        yield from _subtable(font, start + offset)


def _subtable(font: bytes, at: int) -> Iterable[int]:
    (kind,) = struct.unpack_from(">H", font, at)
    match kind:
        case 4:
            return _segments(font, at)
        case 12:
            return _groups(font, at)
        case _:
            return ()


def _segments(font: bytes, at: int) -> Iterator[int]:
    (doubled,) = struct.unpack_from(">H", font, at + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", font, at + 14)
    starts = struct.unpack_from(f">{count}H", font, at + 16 + doubled)
    for first, last in zip(starts, ends, strict=True):
        if first != 0xFFFF:
            yield from range(first, last + 1)


def _groups(font: bytes, at: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">L", font, at + 12)
    for group in range(count):
        first, last, _ = struct.unpack_from(">LLL", font, at + 16 + 12 * group)
        yield from range(first, last + 1)
