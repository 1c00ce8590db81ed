"""The editor's pencil: small improvements that leave no text worse by the measured checks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page
from journal_contracts.checks import READING_EASE, reading_ease, words
from journal_contracts.product import FRAME_WORDS, QUESTION_WORDS, QUOTE_WORDS, WARM_UP_WORDS

A_DAY, A_DAY_WITH_NOTE = 1, 3
MIDDLE: Final = sum(READING_EASE) / 2
ROOM: Final = (READING_EASE[1] - READING_EASE[0]) / 2
SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")
Change = dict[str, str]


@dataclass(frozen=True)
class Place:
    """Where a text stands, how many words it may have, and what tells its dice from others'."""

    section: str
    words: tuple[int, int]
    key: int | str


def edit_draft(order: Order) -> dict[str, Any]:
    """The days after editing, and what was changed in which section."""
    notes: Mapping[str, Any] = order.brief.get("notes") or {}
    edited = [_edit(order, row, _notes_for(notes, row["day"])) for row in order.brief["days"]]
    return {
        "days": [day for day, _ in edited],
        "remarks": [change for _, changes in edited for change in changes],
    }


def frame_edit(order: Order) -> dict[str, Any]:
    """The texts around the days after what the notes ask of them, and what was changed."""
    texts, notes = order.brief["texts"], order.brief["notes"]
    edited: dict[str, Any] = {}
    remarks: list[Change] = []
    for name, text in texts.items():
        place = Place(name, QUOTE_WORDS if name == "quote" else FRAME_WORDS, name)
        edited[name], changes = _followed(order, place, str(text), str(notes[name]))
        remarks += changes
    return {**edited, "remarks": remarks}


def _edit(order: Order, row: Mapping[str, Any], notes: str) -> tuple[dict[str, Any], list[Change]]:
    day = row["day"]
    place = Place(f"day {day} warm-up", WARM_UP_WORDS, day)
    warm_up, changes = _tightened(
        order, place, str(row["warm_up"]), A_DAY_WITH_NOTE if notes else A_DAY
    )
    warm_up, followed = _followed(order, place, warm_up, notes)
    changes += followed
    question = str(row["question"])
    for old, new in _wanted_words(notes):
        if (put := _put(question, old, new)) != question:
            changes.append(_remark(f"day {day} question", put))
            question = put
    if "question" in notes.lower() and (asked := _asked_anew(order, row)):
        changes.append(
            {
                "section": f"day {day} question",
                "before": question,
                "after": asked,
                "reason": "You asked for another question here.",
            }
        )
        question = asked
    return {"day": day, "warm_up": " ".join(warm_up.split()), "question": question}, changes


def _followed(order: Order, place: Place, text: str, notes: str) -> tuple[str, list[Change]]:
    """The text after the wishes that the pencil understands, and that leave it no worse."""
    changes: list[Change] = []
    for wish, answer in (
        ("warm|kind|gentl|soft|friendl", _warmed),
        ("short|tight|long|trim|cut", _cut),
    ):
        if re.search(wish, notes, re.I) and (change := answer(order, place, text)):
            text = text.replace(change["before"], change["after"], 1)
            changes.append(change)
    for old, new in _wanted_words(notes):
        if (put := _put(text, old, new)) != text and _no_worse(place, text, put):
            changes.append(_remark(place.section, put))
            text = put
    return text, changes


def _notes_for(notes: Mapping[str, Any], day: int) -> str:
    """What was said about this day, or about the whole book."""

    def concerns(section: str) -> bool:
        numbers = re.findall(r"\d+", section)
        return (
            str(day) in numbers
            or (not numbers and "warm" in section.lower())
            or section in {"", "all", "book"}
        )

    said = (f"{section} {note}" for section, note in notes.items() if concerns(section))
    return " ".join(re.sub(r"day[ _-]?\d+|warm[ _-]?ups?", "", text, flags=re.I) for text in said)


def _wanted_words(notes: str) -> list[tuple[str, str]]:
    """ "Replace kettle by teapot", in quotes or not."""
    said = r"""["'“”‘’]?([\w][\w '’-]{0,40}?)["'“”‘’]?"""
    pattern = rf"\b(?:replace|change|swap) {said} (?:by|with|to|into|for) {said}(?=[.,;!]|$| and\b)"
    return re.findall(pattern, notes, re.I)


def _put(text: str, old: str, new: str) -> str:
    """The new word for the old one, as a whole word, with its capital where it had one."""

    def word(found: re.Match[str]) -> str:
        return new[:1].upper() + new[1:] if found.group()[:1].isupper() else new

    return re.sub(rf"\b{re.escape(old)}\b", word, text, flags=re.I)


def _remark(section: str, after: str) -> Change:
    return {"section": section, "after": after, "reason": "Your note asked for another word."}


def _tightened(order: Order, place: Place, text: str, most: int) -> tuple[str, list[Change]]:
    """The text with up to `most` phrases mended, each only if nothing measured gets worse."""
    changes: list[Change] = []
    rows = order.shuffled(page("house/pencil")["mend"], "edit", place.key)
    for before, after, reason, where in rows:
        found = _where(before, where).search(text)
        if found is None or len(changes) == most:
            continue
        mended = text[: found.start()] + after + text[found.end() :]
        if _no_worse(place, text, mended):
            at = found.start()
            changes.append(_change(place, _around(text, at), _around(mended, at), reason))
            text = mended
    return text, changes


def _around(text: str, at: int) -> str:
    """The sentence that holds this place."""
    start = 0
    for sentence in SENTENCE.split(text):
        start = text.index(sentence, start)
        if at < start + len(sentence):
            return sentence
        start += len(sentence)
    return text


@cache
def _where(before: str, place: str) -> re.Pattern[str]:
    """Whole words, and a contraction only where it is grammatical: see the table of places."""
    places: Mapping[str, str] = page("house/pencil")["places"]
    whole = rf"\b{re.escape(before)}\b"
    match place:
        case "negation":
            return re.compile(rf"(?:{places['negation']}){whole}")
        case "having":
            return re.compile(f"{places['clause']}{whole}{places['having']}")
        case "being" | "willing":
            return re.compile(f"{places['clause']}{whole}{places['ended']}")
        case _:
            return re.compile(whole)


def _no_worse(place: Place, before: str, after: str) -> bool:
    kept = place.words[0] <= len(words(after)) <= place.words[1]
    return kept and _strain(after) <= max(ROOM, _strain(before))


def _strain(text: str) -> float:
    """How far a text is from the middle of what reads well."""
    return abs(reading_ease(text) - MIDDLE)


def _warmed(order: Order, place: Place, text: str) -> Change | None:
    """A kinder sentence before the last one."""
    last = SENTENCE.split(text)[-1]
    lines: Sequence[str] = order.shuffled(page("house/pencil")["kind"], "kind", place.key)
    turn = place.key if isinstance(place.key, int) else 0
    after = f"{lines[turn % len(lines)]} {last}"
    if not _no_worse(place, text, text.replace(last, after, 1)):
        return None
    return _change(place, last, after, "Your note asked for a warmer voice.")


def _cut(order: Order, place: Place, text: str) -> Change | None:
    """Takes out the shortest sentence between the first two and the last two that can be spared."""
    sentences = SENTENCE.split(text)
    for spare, after in sorted(_pairs(sentences[2:-2]), key=lambda pair: len(pair[0])):
        before = f"{spare} {after}"
        if before in text and _no_worse(place, text, text.replace(before, after, 1)):
            return _change(place, before, after, "Your note asked for a tighter text.")
    return None


def _pairs(sentences: Sequence[str]) -> Iterator[tuple[str, str]]:
    return pairwise(sentences)


def _asked_anew(order: Order, row: Mapping[str, Any]) -> str | None:
    """The same question, come at from another side."""
    question = str(row["question"])
    for lead in order.shuffled(page("house/pencil")["asked"], "asked", row["day"]):
        asked = f"{lead} {question[:1].lower()}{question[1:]}"
        if QUESTION_WORDS[0] <= len(words(asked)) <= QUESTION_WORDS[1]:
            return asked
    return None


def _change(place: Place, before: str, after: str, reason: str) -> Change:
    return {"section": place.section, "before": before, "after": after, "reason": reason}
