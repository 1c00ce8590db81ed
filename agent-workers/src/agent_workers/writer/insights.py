"""Insights: what is worth knowing about a theme, and how a day's text takes it up."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page
from agent_workers.writer.theme import without_markup
from journal_contracts.checks import words
from journal_contracts.product import shares

KINDS: Final = ("background", "benefit", "tip")
LONGEST_QUOTED: Final = 16
NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def research_draft(order: Order) -> dict[str, Any]:
    """As many insights as ordered, background first, tips last: each stage gets what suits it."""
    wanted = dict(zip(KINDS, shares(int(order.brief["count"])).values(), strict=True))
    return {
        "insights": [
            {"kind": kind, "text": order.fill(row["text"])}
            for kind in KINDS
            for row in _of_kind(order, kind)[: wanted[kind]]
        ]
    }


def worked_in(order: Order, insights: Sequence[Mapping[str, Any]], serial: int) -> str:
    """One sentence that carries the insights of a day; empty where there are none."""
    if not insights:
        return ""
    own = [_known(order, str(insight["text"])) for insight in insights]
    gists = [_gist(order, row, insight, serial) for row, insight in zip(own, insights, strict=True)]
    frames = page("house/insights")["frames"]
    if len(gists) > 1:
        frame = order.shuffled(frames["several"], "several")[serial % len(frames["several"])]
        count = NUMBERS[min(len(gists), 9)]
        return str(frame.format(it=_listed(gists), count=count, Count=count.capitalize()))
    kind = "advised" if insights[0].get("kind") == "tip" and own[0] else "told"
    fitting = [frame for frame in frames[kind] if own[0] or ": {it}." in frame]
    return str(order.shuffled(fitting, kind)[serial % len(fitting)].format(it=gists[0]))


def _of_kind(order: Order, kind: str) -> list[Mapping[str, Any]]:
    """Everything of this kind on our shelves, nearest to the theme first."""
    shelves = [order.pool["insight"], page("house/insights")["insight"]]
    if order.theme.pool != "anything":
        shelves.append(page("themes/anything")["insight"])
    return [
        row
        for number, shelf in enumerate(shelves)
        for row in order.shuffled([row for row in shelf if row["kind"] == kind], kind, number)
    ]


def _known(order: Order, text: str) -> Mapping[str, Any] | None:
    said = text.strip().casefold()
    rows = (row for kind in KINDS for row in _of_kind(order, kind))
    return next((row for row in rows if order.fill(row["text"]).casefold() == said), None)


def _gist(
    order: Order, row: Mapping[str, Any] | None, insight: Mapping[str, Any], serial: int
) -> str:
    if row is not None:
        said: list[str] = row["say"]
        return order.fill(said[serial % len(said)])
    return _abridged(str(insight["text"]))


def _abridged(text: str) -> str:
    """The heart of an insight that is not ours: its first clause, ready to stand after a colon."""
    first = without_markup(text).split(". ")[0].rstrip(".!? ").replace("?", "").replace("…", "")
    for mark in ("; ", ": ", ", which ", ", because ", " because ", ", so ", ", and ", ", "):
        head = first.split(mark)[0]
        if len(words(first)) > LONGEST_QUOTED and len(words(head)) >= 4:
            first = head
    first = " ".join(first.split()[: LONGEST_QUOTED + 6])
    starts_with_a_name = first[:2].isupper() or first.startswith(("I ", "I’"))
    return first if starts_with_a_name else first[:1].lower() + first[1:]


def _listed(gists: Sequence[str]) -> str:
    mark = "; " if any("," in gist for gist in gists) else ", "
    return f"{mark.join(gists[:-1])}{mark if len(gists) > 2 else ', '}and {gists[-1]}"
