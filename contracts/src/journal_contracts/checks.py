"""The measured checks a manuscript has to hold. Adding one is a function and a row in `CHECKS`."""

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from journal_contracts.artifacts import DayOutline, Finding, Manuscript
from journal_contracts.harms import harms_in
from journal_contracts.personal import personal_data_in
from journal_contracts.product import (
    BOOKS,
    FRAME_WORDS,
    LINES_A_DAY,
    QUESTION_WORDS,
    QUOTE_WORDS,
    WARM_UP_WORDS,
    mode_of,
    stage_of,
)

WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
SENTENCE_END: Final = re.compile(r"[.!?…]+(?=\s|$|[\"'”’)])")
MARKUP: Final = re.compile(
    r"</?[a-zA-Z!?][^>]*>|\*\*|__|^#{1,6} |```|\]\(|&(?:[a-z]+|#x?[0-9a-f]+);"
    r"|#(?:import|include|read|let|set|show|eval|raw|sys|link|image)\b|\\[a-z]+\{|\$\{|\bon\w+=[\"']",
    re.MULTILINE,
)
BRACKETED: Final = re.compile(
    r"\[[^\]]*\]?|\{[^}]*\}?|<[^>]*>|\b(?:(?-i:TODO|TBD|XXX)|lorem ipsum)\b", re.I
)
READERS_OWN: Final = {"[Name]", "[Date]"}
READING_EASE: Final = (50.0, 85.0)
REPEATED_SEQUENCES: Final = 0.03
SHARED_SEQUENCES: Final = 0.30
SHARED_LENGTH: Final = 5
"""Words of a sequence that two warm-ups may share."""

Run = tuple[str, ...]
"""Words that follow each other."""


@dataclass(frozen=True)
class Book:
    """A manuscript and what was ordered of it."""

    manuscript: Manuscript
    outline: tuple[DayOutline, ...] = ()
    insight_ids: frozenset[str] = field(default_factory=frozenset)


def examine(book: Book, only: Iterable[str] | None = None) -> tuple[Finding, ...]:
    """What this manuscript does not hold, of all checks or these; empty when it is fit to print."""
    wanted = CHECKS if only is None else only
    return tuple(finding for check in wanted for finding in _run(check, book))


def tried(book: Book) -> tuple[str, ...]:
    """The names of the checks that apply: some need English, one needs insights."""
    return tuple(name for name in CHECKS if _applies(name, book))


def words(text: str) -> list[str]:
    """The words of a text in lower case; a hyphen or an apostrophe does not end one."""
    return WORD.findall(text.lower())


def word_count(manuscript: Manuscript) -> int:
    """All words the crew wrote for the reader."""
    return sum(len(words(text)) for _, text in manuscript.texts())


def reading_ease(text: str) -> float:
    """Flesch reading ease (English): 206.835 - 1.015 words/sentence - 84.6 syllables/word."""
    spoken = words(text)
    if not spoken:
        return 0.0
    sentences = max(1, len(SENTENCE_END.findall(text)))
    syllables = sum(_syllables(word) for word in spoken)
    return 206.835 - 1.015 * len(spoken) / sentences - 84.6 * syllables / len(spoken)


def is_plain(text: str) -> bool:
    """Whether a text is without markup, code and placeholders, but for the reader's own two."""
    leftovers = {match.group() for match in BRACKETED.finditer(text)} - READERS_OWN
    return not leftovers and not MARKUP.search(text)


def repeated_share(texts: Sequence[str], length: int = 8) -> float:
    """Which part of all `length`-word sequences of these texts occurs more than once."""
    counted = Counter(run for text in texts for run in _runs(text, length))
    total = sum(counted.values())
    return sum(count for count in counted.values() if count > 1) / total if total else 0.0


def shared_share(one: str, other: str, length: int = SHARED_LENGTH) -> float:
    """Which part of the shorter text's `length`-word sequences stands in the other text too."""
    return _share(set(_runs(one, length)), set(_runs(other, length)))


def _run(name: str, book: Book) -> Iterator[Finding]:
    if _applies(name, book):
        for day, detail in CHECKS[name](book):
            yield Finding(check=name, day=day, detail=detail)


def _applies(name: str, book: Book) -> bool:
    if name in ENGLISH_ONLY:
        return book.manuscript.language.lower().startswith("en")
    return name not in OF_INSIGHTS or bool(book.insight_ids)


def _share(mine: set[Run], theirs: set[Run]) -> float:
    smaller = min(len(mine), len(theirs))
    return len(mine & theirs) / smaller if smaller else 0.0


def _runs(text: str, length: int) -> list[Run]:
    spoken = words(text)
    return [tuple(spoken[at : at + length]) for at in range(len(spoken) - length + 1)]


@functools.lru_cache(maxsize=8_192)
def _syllables(word: str) -> int:
    """Groups of vowels, less a silent ending; right for nine English words in ten."""
    bare = re.sub(r"[^a-z]", "", word)
    if len(bare) <= 3:
        return 1
    bare = re.sub(r"(?:[^laeiouy]es|[^aeioutd]ed|[^laeiouy]e)$", lambda end: end.group()[0], bare)
    return max(1, len(re.findall(r"[aeiouy]+", bare)))


Found = Iterator[tuple[int | None, str]]


def _counts(book: Book) -> Found:
    manuscript, spec = book.manuscript, BOOKS[book.manuscript.edition]
    if len(manuscript.days) != spec.days:
        yield None, f"{len(manuscript.days)} days, wanted {spec.days}"
    ids = [picture.id for picture in manuscript.pictures]
    if len(set(ids)) != spec.pictures:
        yield None, f"{len(set(ids))} different pictures, wanted {spec.pictures}"
    for day in manuscript.days:
        if day.lines != LINES_A_DAY:
            yield day.day, f"{day.lines} ruled lines, wanted {LINES_A_DAY}"


def _warm_up_words(book: Book) -> Found:
    for day in book.manuscript.days:
        yield from _within(day.day, "warm-up", day.warm_up, WARM_UP_WORDS)


def _question_words(book: Book) -> Found:
    for day in book.manuscript.days:
        yield from _within(day.day, "question", day.question, QUESTION_WORDS)
        if day.question.count("?") != 1:
            yield day.day, "the question is not one question"


def _frame_words(book: Book) -> Found:
    frame = book.manuscript.frame
    yield from _within(None, "quote", frame.quote.text, QUOTE_WORDS)
    for place in ("intro", "commitment", "certificate", "closing"):
        yield from _within(None, place, getattr(frame, place), FRAME_WORDS)


def _words_in_all(book: Book) -> Found:
    least, most = BOOKS[book.manuscript.edition].words
    count = word_count(book.manuscript)
    if not least <= count <= most:
        yield None, f"{count} words in all, wanted {least} to {most}"


def _distinct_questions(book: Book) -> Found:
    seen: dict[tuple[str, ...], int] = {}
    for day in book.manuscript.days:
        first = seen.setdefault(tuple(words(day.question)), day.day)
        if first != day.day:
            yield day.day, f"the question is that of day {first}"


def _stage_and_mode(book: Book) -> Found:
    for day in book.manuscript.days:
        wanted = (stage_of(book.manuscript.edition, day.day), mode_of(day.day))
        if (day.stage, day.mode) != wanted:
            yield day.day, f"is {day.stage}/{day.mode}, ordered {wanted[0]}/{wanted[1]}"


def _insight_coverage(book: Book) -> Found:
    used = {insight for day in book.manuscript.days for insight in day.insight_ids}
    for missing in sorted(book.insight_ids - used):
        yield None, f"insight {missing} is used nowhere"
    for day in book.manuscript.days:
        if not day.insight_ids:
            yield day.day, "rests on no insight"
        for unknown in sorted(set(day.insight_ids) - book.insight_ids):
            yield day.day, f"names the unknown insight {unknown}"


def _clean_text(book: Book) -> Found:
    for place, text in book.manuscript.texts():
        if not is_plain(text):
            yield _day_of(place), f"{place} holds markup or a placeholder"


def _reading_ease(book: Book) -> Found:
    ease = reading_ease(" ".join(day.warm_up for day in book.manuscript.days))
    least, most = READING_EASE
    if not least <= ease <= most:
        yield None, f"Flesch reading ease {ease:.0f}, wanted {least:.0f} to {most:.0f}"


def _repeats(book: Book) -> Found:
    share = repeated_share([text for _, text in book.manuscript.texts()])
    if share > REPEATED_SEQUENCES:
        yield None, f"{share:.1%} of 8-word sequences occur twice, allowed {REPEATED_SEQUENCES:.0%}"


def _distinct_warm_ups(book: Book) -> Found:
    days = [(day.day, set(_runs(day.warm_up, SHARED_LENGTH))) for day in book.manuscript.days]
    for (one, its), (other, theirs) in combinations(days, 2):
        share = _share(its, theirs)
        if share > SHARED_SEQUENCES:
            yield other, f"the warm-up shares {share:.0%} with day {one}"


def _notice(book: Book) -> Found:
    notice = book.manuscript.notice.lower()
    if "therap" not in notice or not ("crisis" in notice or "emergency" in notice):
        yield None, "no notice that a journal is no therapy, with a crisis-help line"


def _safety(book: Book) -> Found:
    for place, text in book.manuscript.texts():
        for harm in harms_in(text):
            yield _day_of(place), f"{place} {harm.means}"


def _personal_data(book: Book) -> Found:
    for place, text in book.manuscript.texts():
        for means in dict.fromkeys(means for means, _ in personal_data_in(text)):
            yield _day_of(place), f"{place} holds {means}"


def _within(day: int | None, place: str, text: str, wanted: tuple[int, int]) -> Found:
    count = len(words(text))
    if not wanted[0] <= count <= wanted[1]:
        yield day, f"{place} of {count} words, wanted {wanted[0]} to {wanted[1]}"


def _day_of(place: str) -> int | None:
    match = re.match(r"day (\d+) ", place)
    return int(match.group(1)) if match else None


CHECKS: Final[dict[str, Callable[[Book], Found]]] = {
    "counts": _counts,
    "warm_up_words": _warm_up_words,
    "question_words": _question_words,
    "frame_words": _frame_words,
    "words_in_all": _words_in_all,
    "distinct_questions": _distinct_questions,
    "stage_and_mode": _stage_and_mode,
    "insight_coverage": _insight_coverage,
    "clean_text": _clean_text,
    "reading_ease": _reading_ease,
    "repeats": _repeats,
    "distinct_warm_ups": _distinct_warm_ups,
    "notice": _notice,
    "safety": _safety,
    "personal_data": _personal_data,
}
ENGLISH_ONLY: Final = frozenset({"reading_ease", "notice", "safety"})
OF_INSIGHTS: Final = frozenset({"insight_coverage"})
"""They apply where research ran."""
