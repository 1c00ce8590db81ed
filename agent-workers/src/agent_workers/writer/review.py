"""The Manager's reading, offline: what a reader of two books in one sitting would stumble over."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agent_workers.writer.order import Order
from journal_contracts.checks import reading_ease, words

OPENING: Final = 3
"""So many first words make an opening that a reader remembers."""
HARD: Final = 62.0
"""Flesch reading ease below which a page is work."""
MOST: Final = 3
"""Notes in one reading: a review that asks for everything asks for nothing."""

Row = Mapping[str, Any]


def review_draft(order: Order) -> dict[str, Any]:
    """Accept, or notes on the days that stand out; what was measured is noted already."""
    books: Mapping[str, Sequence[Row]] = order.brief["books"]
    noted = {(note["edition"], note["day"]) for note in order.brief.get("measured", ())}
    found = [
        {"edition": edition, "day": day, "note": note}
        for edition, rows in books.items()
        for day, note in _stumbles([row for row in rows if row["day"] is not None])
        if (edition, day) not in noted
    ][:MOST]
    if not found:
        return {"verdict": "accept", "summary": "Both books keep to the plan.", "notes": []}
    days = "one day" if len(found) == 1 else f"{len(found)} days"
    return {"verdict": "revise", "summary": f"Good, but for {days}.", "notes": found}


def _stumbles(days: Sequence[Row]) -> Iterator[tuple[int, str]]:
    opened: dict[tuple[str, ...], int] = {}
    for day in days:
        opening = tuple(words(day["warm_up"])[:OPENING])
        if (earlier := opened.setdefault(opening, day["day"])) != day["day"]:
            yield day["day"], f"It opens with the very words of day {earlier}; begin differently."
        elif (ease := reading_ease(day["warm_up"])) < HARD:
            yield day["day"], f"Hard to read (reading ease {ease:.0f}); a shorter, plainer text."
