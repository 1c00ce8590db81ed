"""Which harms a text would do, by tables of patterns. To find another, add a row to a table.

A space in a pattern stands for any gap between two words, or none, so that neither dots nor line
ends hide a phrase. Words are compared as they look: without accents, invisible characters, letters
borrowed from other scripts, or figures in the place of letters.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

GAP: Final = r"[\W_]*"
UNSEEN: Final = {"Mn", "Me", "Cf"}
BORROWED: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455"  # Cyrillic
    "\u03b1\u03b5\u03bf\u03c1\u03c5\u03bd\u03b9\u03ba\u03c4",  # Greek
    "aeopcyxijsaeopuvikt",
)
FIGURES: Final = dict(zip("013457@$!|", "oieastasil", strict=True))
FIGURE: Final = re.compile(r"[013457@$!|](?=[a-z])|(?<=[a-z])[013457]")
SPELLED: Final = re.compile(r"\b\w(?:[\W_]{1,2}\w\b){2,}")
"""Letters one by one: `s.u.i.c.i.d.e`."""


@dataclass(frozen=True)
class Harm:
    """A class of harm. What `excused` finds is meant well; nothing excuses what `always` finds."""

    name: str
    means: str
    falls: re.Pattern[str] | None
    excused: re.Pattern[str] | None
    always: re.Pattern[str] | None

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        patterns = (_either(row.get(key, ())) for key in ("falls", "excused", "always"))
        return cls(row["name"], row["means"], *patterns)

    def is_in(self, text: str) -> bool:
        """Whether a phrase or a sentence does this harm."""
        seen = list(readings(text))
        if _found(self.always, seen):
            return True
        return _found(self.falls, seen) and not _found(self.excused, seen)


def harms_of(table: str) -> tuple[Harm, ...]:
    """The rows of a table, as TOML text."""
    return tuple(Harm.read(row) for row in tomllib.loads(table)["harm"])


def readings(text: str) -> Iterator[str]:
    """The text in plain letters; then as its look-alikes and its spelled words would be read."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in decomposed if unicodedata.category(c) not in UNSEEN).casefold()
    yield plain
    looked = FIGURE.sub(lambda one: FIGURES[one.group()], plain.translate(BORROWED))
    if looked != plain:
        yield looked
    spelled = SPELLED.sub(lambda run: re.sub(r"[\W_]", "", run.group()), looked)
    if spelled != looked:
        yield spelled


def _either(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """One pattern for whole words, or none where there is nothing to find."""
    if not patterns:
        return None
    gapped = "|".join(patterns).replace(" ", GAP)
    return re.compile(rf"(?<![^\W_])(?:{gapped})(?![^\W_])")


def _found(pattern: re.Pattern[str] | None, texts: list[str]) -> bool:
    return pattern is not None and any(pattern.search(text) for text in texts)
