"""What everything that travels stands on: frozen values, finite numbers, text that hides nothing.

Refused in a text: control and format characters, whatever turns its direction, blanks that are no
spaces, private and unassigned code points. Kept is what honest text needs: joiners inside a word of
a script that is written with them, emoji with all their parts, variant forms of a character. The
flags of England, Scotland and Wales are refused with the tags they are spelled in: those can hide
whole sentences from a reader that a model still reads.
"""

import math
import unicodedata
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

T = TypeVar("T")

LINE_ENDS: Final = "\t\n\r"
JOINER, NON_JOINER = "\u200d", "\u200c"
JOINING: Final = frozenset(
    "ARABIC SYRIAC MANDAIC MONGOLIAN NKO DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU"
    " KANNADA MALAYALAM SINHALA KHMER MYANMAR TIBETAN".split()
)
"""Scripts in which a joiner changes what is seen, as the names of their letters begin."""

BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Fillers: letters, marks and signs by their category, and nothing to see."""

SIGNS: Final = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""Arabic and Syriac signs that enclose numbers: format characters that are seen."""


class Value(BaseModel):
    """A value never changes and has no infinite numbers; its errors do not repeat what it held."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def finite(value: T) -> T:
    """Refuses infinite numbers and those that are none, at any depth of a free-form value."""
    match value:
        case float() if not math.isfinite(value):
            raise ValueError("numbers have to be finite")
        case dict():
            finite(list(value.values()))
        case list() | tuple():
            for inner in value:
                finite(inner)
    return value


Facts = Annotated[dict[str, Any], AfterValidator(finite)]
"""Free-form facts by name."""


def on_one_line(text: str) -> str:
    """Refuses what cannot be seen, and the ends of lines."""
    return _seen(text, "")


def on_lines(text: str) -> str:
    """The same for a text that may have lines."""
    return _seen(text, LINE_ENDS)


def _seen(text: str, kept: str) -> str:
    for before, char, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if char not in kept and not _is_seen(before, char, after):
            raise ValueError(f"U+{ord(char):04X} is invisible or no character; it is not allowed")
    return text


def _is_seen(before: str, char: str, after: str) -> bool:
    """Whether a reader sees this character, or sees by it how its neighbours are written."""
    match unicodedata.category(char):
        case "Cf":
            return char in SIGNS or (_joins(before, char) and _shows_itself(after))
        case "Cn":
            return _is_picture(char)
        case "Cc" | "Co" | "Cs" | "Zl" | "Zp":
            return False
    return _shows_itself(before) if _is_selector(char) else char not in BLANK


def _joins(before: str, char: str) -> bool:
    if char == JOINER and (_is_picture(before) or _is_selector(before)):
        return True
    script = unicodedata.name(before, "").partition(" ")[0]
    is_of_a_word = script in JOINING and unicodedata.category(before)[0] in "LM"
    return char in (JOINER, NON_JOINER) and is_of_a_word


def _shows_itself(char: str) -> bool:
    return _is_picture(char) or not (char.isspace() or not char.isprintable() or _is_selector(char))


def _is_picture(char: str) -> bool:
    """The blocks of pictographs count whole: a new emoji is older here than in Python's tables."""
    return unicodedata.category(char) == "So" or "\U0001f000" <= char <= "\U0001faff"


def _is_selector(char: str) -> bool:
    """Variation selectors say in which form the character before them is drawn."""
    return (
        "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
        or char in "\u180b\u180c\u180d\u180f"
    )
