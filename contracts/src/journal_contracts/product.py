"""The product's fixed facts: the two books, their stages and days, and what a user can choose."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, Literal


class Edition(StrEnum):
    """One of the two books."""

    JOURNAL = "journal"
    LEAD_MAGNET = "lead_magnet"


class Stage(StrEnum):
    """What a third of a book is for: noticing, making sense, changing."""

    IDENTIFY = "identify"
    DOCUMENT = "document"
    ACTION = "action"


class Mode(StrEnum):
    """What a day asks of its reader: weekdays act, weekends reflect."""

    ACT = "act"
    REFLECT = "reflect"


class PlanName(StrEnum):
    """How thoroughly a journal is crafted."""

    EXPRESS = "express"
    STANDARD = "standard"
    COMPREHENSIVE = "comprehensive"


class Depth(StrEnum):
    """How many insights are ordered from research."""

    LIGHT = "light"
    MEDIUM = "medium"
    DEEP = "deep"


Share = Literal["viewer", "editor"]
"""As what a journal is shared with somebody: an editor decides and steers too."""
Role = Literal["owner", "editor", "viewer"]
"""What somebody is to a journal."""


class TitleStyle(StrEnum):
    """The manner of the five titles that are not written for a search box."""

    MOTIVATIONAL = "motivational"
    ACTIONABLE = "actionable"
    INSIGHTFUL = "insightful"
    INSPIRATIONAL = "inspirational"
    PRACTICAL = "practical"
    THOUGHT_PROVOKING = "thought-provoking"
    ENCOURAGING = "encouraging"
    IMPLEMENTABLE = "implementable"
    ILLUMINATING = "illuminating"
    EMPOWERING = "empowering"


THEMES_OFFERED: Final = (
    "anxiety",
    "productivity",
    "happiness",
    "mindfulness",
    "creativity",
    "gratitude",
    "goal setting",
    "self-discovery",
)
INSIGHTS_ORDERED: Final = {Depth.LIGHT: 5, Depth.MEDIUM: 15, Depth.DEEP: 25}
LINES_A_DAY: Final = 25
DAYS_A_BATCH: Final = 5
WARM_UP_WORDS: Final = (180, 220)
QUESTION_WORDS: Final = (8, 20)
FRAME_WORDS: Final = (120, 220)
QUOTE_WORDS: Final = (1, 40)


@dataclass(frozen=True)
class Book:
    """What one of the two books has to hold; word ranges are inclusive."""

    edition: Edition
    days: int
    pages: int
    words: tuple[int, int]

    @property
    def pictures(self) -> int:
        """Cover, intro and certificate, and two a day."""
        return 3 + 2 * self.days


BOOKS: Final = {
    Edition.JOURNAL: Book(Edition.JOURNAL, days=30, pages=67, words=(6_000, 8_500)),
    Edition.LEAD_MAGNET: Book(Edition.LEAD_MAGNET, days=6, pages=19, words=(1_500, 2_600)),
}


def stage_of(edition: Edition, day: int) -> Stage:
    """The stage of a day (counted from 1): a third of the book each."""
    third = BOOKS[edition].days // 3
    return list(Stage)[(day - 1) // third]


def mode_of(day: int) -> Mode:
    """Day 1 is a Monday."""
    return Mode.REFLECT if (day - 1) % 7 >= 5 else Mode.ACT


def shares(count: int) -> dict[Stage, int]:
    """How many of `count` insights each stage gets: 8 : 9 : 8 by largest remainder.

    Equal remainders go to the earlier stage: 5 gives 2 2 1.
    """
    weights = dict(zip(Stage, (8, 9, 8), strict=True))
    exact = {stage: count * weight / 25 for stage, weight in weights.items()}
    given = {stage: int(share) for stage, share in exact.items()}
    by_remainder = sorted(Stage, key=lambda stage: given[stage] - exact[stage])
    for stage in by_remainder[: count - sum(given.values())]:
        given[stage] += 1
    return given


def share_out(edition: Edition, insight_ids: list[str]) -> dict[int, tuple[str, ...]]:
    """Which insights each day of a book rests on: every insight is used, no day is without."""
    days: dict[int, tuple[str, ...]] = {}
    rest = list(insight_ids)
    third = BOOKS[edition].days // 3
    for stage, count in shares(len(insight_ids)).items():
        ours, rest = rest[:count], rest[count:]
        first = 1 + third * list(Stage).index(stage)
        for offset in range(third):
            own = ours[offset::third] or ours[offset % max(1, len(ours)) :][:1]
            days[first + offset] = tuple(own)
    return days


def batches(days: int, size: int = DAYS_A_BATCH) -> list[range]:
    """The days of a book in runs of nearly equal length, none longer than `size`."""
    count = -(-days // size)
    bounds = [1 + days * index // count for index in range(count + 1)]
    return [range(first, last) for first, last in pairwise(bounds)]


def picture_ids(edition: Edition) -> tuple[str, ...]:
    """The names of all pictures of a book, in reading order: `journal-day-07-left`."""
    days = range(1, BOOKS[edition].days + 1)
    daily = (f"{edition}-day-{day:02d}-{side}" for day in days for side in ("left", "right"))
    return (f"{edition}-cover", f"{edition}-intro", *daily, f"{edition}-certificate")
