"""Which harms a text would do, by tables of patterns. To find another, add a row to a table.

Words are compared as they look: without accents, invisible characters, letters borrowed from other
scripts or figures in the place of letters. A space in a pattern is whatever stands between words.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Self

UNSEEN: Final = {"Mn", "Me", "Cf"}
BORROWED: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455"  # Cyrillic
    "\u03b1\u03b5\u03bf\u03c1\u03c5\u03bd\u03b9\u03ba\u03c4",  # Greek
    "aeopcyxijsaeopuvikt",
)
FIGURES: Final = dict(zip("013457@$!|", "oieastasil", strict=True))
FIGURE: Final = re.compile(r"[013457@$!|](?=[a-z])|(?<=[a-z])[013457]")
BETWEEN: Final = re.compile(r"[\W_]+")
SPELLED: Final = re.compile(r"\b\w(?: \w\b){2,}")
"""Letters one by one: `s.u.i.c.i.d.e`."""
SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+|\n+")
FAMILY: Final = re.compile(r"<([a-z_]+)>")
"""A family of words in a pattern: `<partner>`; the table spells each out once."""


@dataclass(frozen=True)
class Harm:
    """A class of harm. What `excused` finds is meant well; nothing excuses what `always` finds.

    Where `about` names beginnings of words, a text with none of them is not looked at further.
    """

    name: str
    means: str
    about: tuple[str, ...]
    falls: re.Pattern[str] | None
    excused: re.Pattern[str] | None
    always: re.Pattern[str] | None

    @classmethod
    def read(cls, row: dict[str, Any], families: Mapping[str, str]) -> Self:
        lists = (row.get(key, ()) for key in ("falls", "excused", "always"))
        patterns = (_either([_spelled(one, families) for one in each]) for each in lists)
        return cls(row["name"], row["means"], tuple(row.get("about", ())), *patterns)

    def may_be_in(self, seen: list[str]) -> bool:
        """Whether it is worth while to look at each sentence."""
        if self.about and not any(word in text for text in seen for word in self.about):
            return False
        return _found(self.always, seen) or _found(self.falls, seen)

    def is_in(self, seen: list[str]) -> bool:
        """Whether a phrase or a sentence does this harm; told in its `readings`."""
        if _found(self.always, seen):
            return True
        return _found(self.falls, seen) and not _found(self.excused, seen)


def harms_of(table: str) -> tuple[Harm, ...]:
    """The rows of a table, as TOML text."""
    read = tomllib.loads(table)
    return tuple(Harm.read(row, read.get("families", {})) for row in read["harm"])


def harms_in(text: str) -> tuple[Harm, ...]:
    """The classes of harm that any sentence of this text does."""
    return among(HARMS, text)


def among(harms: Iterable[Harm], text: str) -> tuple[Harm, ...]:
    """Those of the given classes that any sentence of this text does."""
    whole = list(readings(text))
    suspected = [harm for harm in harms if harm.may_be_in(whole)]
    sentences = [list(readings(one)) for one in SENTENCE.split(text)] if suspected else []
    return tuple(harm for harm in suspected if any(harm.is_in(seen) for seen in sentences))


def readings(text: str) -> Iterator[str]:
    """The words alone; then as look-alikes and letters spelled one by one would be read."""
    plain = text if text.isascii() else "".join(filter(_is_seen, _decomposed(text)))
    plain = plain.casefold()
    looked = FIGURE.sub(lambda one: FIGURES[one.group()], plain.translate(BORROWED))
    yield from dict.fromkeys((_words(plain), _words(looked)))
    spelled, count = SPELLED.subn(lambda run: run.group().replace(" ", ""), _words(looked))
    if count:
        yield spelled


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFKD", text)


def _is_seen(char: str) -> bool:
    return char.isascii() or unicodedata.category(char) not in UNSEEN


def _words(text: str) -> str:
    return BETWEEN.sub(" ", text).strip()


def _spelled(pattern: str, families: Mapping[str, str]) -> str:
    """The pattern with its families written out; a family may be made of others."""
    while found := FAMILY.search(pattern):
        pattern = pattern.replace(found.group(), f"(?:{families[found.group(1)]})")
    return pattern


def _either(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One pattern for whole words, or none where there is nothing to find."""
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b") if patterns else None


def _found(pattern: re.Pattern[str] | None, texts: list[str]) -> bool:
    return pattern is not None and any(pattern.search(text) for text in texts)


HARMS: Final = harms_of(files(__package__).joinpath("harms.toml").read_text(encoding="utf-8"))
"""What no text of the crew may do."""
