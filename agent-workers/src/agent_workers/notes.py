"""Notes on a draft: which days or texts of which book a section names, however its user put it."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from journal_contracts.product import Edition, Stage, stage_of

BOOK_NAMED: Final = {
    Edition.LEAD_MAGNET: re.compile(r"\b(?:lead ?magnet|magnet|6 day|small book|short book)\b"),
    Edition.JOURNAL: re.compile(r"\b(?:journal|30 day|main book|full book)\b"),
}
WHOLE_NAMES: Final = re.compile(r"\b(?:30|6) day\b")
FRAME: Final = re.compile(
    r"\b(?:intro\w*|welcome|opening|quot\w*|commitments?|certificates?|closings?|endings?|cover"
    r"|titles?|subtitles?|notice|front|call to)\b"
)
TEXTS: Final = {
    "quote": re.compile(r"\bquot\w*\b"),
    "intro": re.compile(r"\b(?:intro\w*|welcome|opening|front)\b"),
    "commitment": re.compile(r"\bcommitments?\b"),
    "certificate": re.compile(r"\bcertificates?\b"),
    "closing": re.compile(r"\b(?:closings?|endings?|call to)\b"),
}
"""The texts around the days, by how they are named."""
NUMBERS: Final = re.compile(r"(\d+) ?(?:(?:-|–|to|until) ?(\d+))?")
PART: Final = re.compile(r"\b(?:question|warm ?up|heading)s?\b")


def for_days(notes: Mapping[str, str], edition: Edition, days: Collection[int]) -> dict[int, str]:
    """What was said about each of these days; those of which nothing was said are left out."""
    said = {
        day: " ".join(
            _with_part(section, note)
            for section, note in notes.items()
            if _names(section, edition, day)
        )
        for day in days
    }
    return {day: text for day, text in said.items() if text}


def for_frame(notes: Mapping[str, str], edition: Edition) -> dict[str, str]:
    """What was said about each text around the days; those of which nothing was said are left out.

    A text without its book is that of both; what names no place at all is about all of them.
    """
    said = {
        text: " ".join(note for section, note in notes.items() if _frames(section, edition, text))
        for text in TEXTS
    }
    return {text: note for text, note in said.items() if note}


def _frames(section: str, edition: Edition, text: str) -> bool:
    plain = _plain(section)
    books = {book for book, name in BOOK_NAMED.items() if name.search(plain)}
    if _numbers(plain) or (books and edition not in books):
        return False
    if FRAME.search(plain):
        return TEXTS[text].search(plain) is not None
    return not PART.search(plain) and not any(re.search(rf"\b{s}\b", plain) for s in Stage)


def _names(section: str, edition: Edition, day: int) -> bool:
    """A day without its book is the journal's; no day is every day, of a stage where one is named.

    What frames the days is nobody's here.
    """
    plain = _plain(section)
    books = {book for book, name in BOOK_NAMED.items() if name.search(plain)}
    numbered = _numbers(plain)
    if FRAME.search(plain) and not numbered:
        return False
    if numbered and not books:
        books = {Edition.JOURNAL}
    if books and edition not in books:
        return False
    if numbered:
        return day in numbered
    stages = [stage for stage in Stage if re.search(rf"\b{stage}\b", plain)]
    return not stages or stage_of(edition, day) in stages


def _plain(section: str) -> str:
    return " ".join(re.sub(r"[^\w–-]|(?<=\D)[-_]|[-_](?=\D)", " ", section.lower()).split())


def _numbers(plain: str) -> set[int]:
    found = NUMBERS.findall(WHOLE_NAMES.sub("", plain))
    return {number for first, last in found for number in range(int(first), int(last or first) + 1)}


def _with_part(section: str, note: str) -> str:
    """The note, with the part of a day that its section names."""
    part = PART.search(_plain(section))
    return f"{part.group()}: {note}" if part else note
