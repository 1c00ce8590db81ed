"""Insights: what is worth knowing about a theme, and how a day's text takes it up."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page
from agent_workers.writer.theme import without_markup
from journal_contracts.checks import is_plain, words
from journal_contracts.harms import harms_in
from journal_contracts.personal import personal_data_in
from journal_contracts.product import INSIGHTS_ORDERED, Edition, share_out, shares

KINDS: Final = ("background", "benefit", "tip")
LONGEST_QUOTED: Final = 16
FEWEST_QUOTED: Final = 6
LONGEST_SENTENCE: Final = 250
MOST_TOLD: Final = 5


def research_draft(order: Order) -> dict[str, Any]:
    """As many insights as ordered, background first, tips last: each stage gets what suits it."""
    wanted = dict(zip(KINDS, shares(int(order.brief["count"])).values(), strict=True))
    read = _read_in_documents(order)[: max(0, wanted["background"] - 1)]
    ours = {**wanted, "background": wanted["background"] - len(read)}
    return {
        "insights": [
            *read,
            *(
                {"kind": kind, "text": order.fill(row["text"])}
                for kind in KINDS
                for row in _of_kind(order, kind)[: ours[kind]]
            ),
        ]
    }


def _read_in_documents(order: Order) -> list[dict[str, str]]:
    """The first fit sentence of the first passage of each document."""
    read: dict[str, dict[str, str]] = {}
    for passage in order.brief.get("passages") or ():
        for sentence in re.split(r"(?<=[.!?])\s+", str(passage["text"])):
            if passage["document"] not in read and _is_fit(sentence):
                told = {"kind": "background", "text": sentence, "passage": str(passage["id"])}
                read[str(passage["document"])] = told
    return list(read.values())


def _is_fit(sentence: str) -> bool:
    """Whether it can be quoted: neither a scrap nor a question, and nothing that may not stand."""
    fits = len(words(sentence)) >= FEWEST_QUOTED and len(sentence) <= LONGEST_SENTENCE
    plain = is_plain(sentence) and sentence.endswith(".")
    return fits and plain and not harms_in(sentence) and not any(personal_data_in(sentence))


def worked_in(order: Order, row: Mapping[str, Any], serial: int) -> dict[str, str]:
    """What a day makes of its insights, `told` or `advised`; empty where nothing is left to say."""
    insights: Sequence[Mapping[str, Any]] = row.get("insights") or ()
    earlier = [_days_before(order, row["day"], insight) for insight in insights]
    if len(insights) == 1:
        return {_manner(insights[0]): _alone(order, insights[0], earlier[0], serial)}
    said = [
        (_manner(each), _gist(order, each, len(days)))
        for each, days in zip(insights, earlier, strict=True)
    ]
    return {kind: _in_prose(order, kind, said, serial) for kind in ("told", "advised")}


def _alone(order: Order, insight: Mapping[str, Any], earlier: Sequence[int], serial: int) -> str:
    """The one insight of a day: in full, then in few words, and at last a nod to its first day."""
    kind, past = _manner(insight), len(earlier)
    known = _known(order, str(insight["text"]))
    in_full = known is not None and order.edition is Edition.JOURNAL
    told = past - in_full
    if told < 0:
        return _full(order, kind, str(insight["text"]), serial)
    if (later := told - (len(order.suited(known["say"])) if known else 1)) >= 0:
        return _nod(order, kind, insight, earlier[0], later)
    gist = _gist(order, insight, told)
    if kind == "told" and known and serial % 2:
        return f"{_begun(gist)}."
    frames: list[str] = order.shuffled(page("house/insights")["frames"][kind], kind)
    frames = [frame for frame in frames if known or ": {it}." in frame]
    return frames[serial % len(frames)].format(it=gist)


def _full(order: Order, kind: str, text: str, serial: int) -> str:
    if kind == "told":
        return text
    frames: list[str] = order.shuffled(page("house/insights")["frames"][kind], kind)
    return frames[serial % len(frames)].format(it=_going_on(text.rstrip(".")))


def _nod(order: Order, kind: str, insight: Mapping[str, Any], day: int, later: int) -> str:
    """Points back to the day that told it, every other time."""
    nods: list[str] = order.shuffled(page("house/insights")["frames"][f"{kind}_again"], "again")
    place = int(re.sub(r"\D", "", str(insight.get("id"))) or 0)
    return "" if later % 2 else nods[(place + later // 2) % len(nods)].format(day=day)


def _manner(insight: Mapping[str, Any]) -> str:
    return "advised" if insight.get("kind") == "tip" else "told"


def _days_before(order: Order, day: int, insight: Mapping[str, Any]) -> list[int]:
    """On which earlier days of the book it stood: a few insights have to last a whole stage."""
    for depth in INSIGHTS_ORDERED.values():
        names = [f"i{number:02d}" for number in range(1, depth + 1)]
        days = share_out(order.edition, names)
        if all(_ids(row) == days.get(row["day"]) for row in order.brief["days"]):
            return [earlier for earlier in range(1, day) if insight["id"] in days[earlier]]
    return []


def _ids(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(insight.get("id")) for insight in row.get("insights") or ())


def _in_prose(order: Order, kind: str, said: Sequence[tuple[str, str]], serial: int) -> str:
    """The insights of this kind as running sentences, never as a list."""
    gists = [gist for manner, gist in said if manner == kind][:MOST_TOLD]
    if not gists:
        return ""
    name = kind if len(gists) == 1 else f"{kind}_{len(gists)}"
    frames: list[str] = order.shuffled(page("house/insights")["frames"][name], kind)
    if len(gists) == 1:
        frames = [frame for frame in frames if ": {it}." in frame]
    told = {f"it{at}": gist for at, gist in enumerate(gists, start=1)}
    begun = {f"It{at}": _begun(gist) for at, gist in enumerate(gists, start=1)}
    return frames[serial % len(frames)].format(it=gists[0], **told, **begun)


def _begun(gist: str) -> str:
    return gist[:1].upper() + gist[1:]


def _of_kind(order: Order, kind: str) -> list[Mapping[str, Any]]:
    """Everything of this kind on our shelves, nearest to the theme first."""
    shelves = [*order.pool.get("insights", [order.pool["insight"]])]
    shelves.append(page("house/insights")["insight"])
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


def _gist(order: Order, insight: Mapping[str, Any], before: int) -> str:
    row = _known(order, str(insight["text"]))
    if row is None:
        return _abridged(str(insight["text"]))
    said = order.shuffled(order.suited(row["say"]), "say", row["text"])
    shift = 0 if order.edition is Edition.JOURNAL else 1
    return order.fill(said[(before + shift) % len(said)])


def _abridged(text: str) -> str:
    """The heart of an insight that is not ours: its first clause, ready to stand after a colon."""
    first = without_markup(text).split(". ")[0].rstrip(".!? ").replace("?", "").replace("…", "")
    for mark in ("; ", ": ", ", which ", ", because ", " because ", ", so ", ", and ", ", "):
        head = first.split(mark)[0]
        if len(words(first)) > LONGEST_QUOTED and len(words(head)) >= 4:
            first = head
    first = " ".join(first.split()[: LONGEST_QUOTED + 6])
    return _going_on(first)


def _going_on(text: str) -> str:
    """As it stands after a colon."""
    starts_with_a_name = text[:2].isupper() or text.startswith(("I ", "I’"))
    return text if starts_with_a_name else text[:1].lower() + text[1:]
