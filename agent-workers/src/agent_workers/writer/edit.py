"""The editor's pencil: small improvements that leave no text worse by the measured checks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page
from journal_contracts.checks import READING_EASE, reading_ease, words
from journal_contracts.product import QUESTION_WORDS, WARM_UP_WORDS

A_DAY, A_DAY_WITH_NOTE = 1, 3
MIDDLE: Final = sum(READING_EASE) / 2
ROOM: Final = (READING_EASE[1] - READING_EASE[0]) / 2
SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")
Change = dict[str, str]


def edit_draft(order: Order) -> dict[str, Any]:
    """The days after editing, and what was changed in which section."""
    notes: Mapping[str, Any] = order.brief.get("notes") or {}
    edited = [_edit(order, row, _notes_for(notes, row["day"])) for row in order.brief["days"]]
    return {
        "days": [day for day, _ in edited],
        "remarks": [change for _, changes in edited for change in changes],
    }


def _edit(order: Order, row: Mapping[str, Any], notes: str) -> tuple[dict[str, Any], list[Change]]:
    warm_up, changes = _tightened(order, row, A_DAY_WITH_NOTE if notes else A_DAY)
    for wish, answer in (
        ("warm|kind|gentl|soft|friendl", _warmed),
        ("short|tight|long|trim|cut", _cut),
    ):
        if re.search(wish, notes, re.I) and (change := answer(order, row, warm_up)):
            warm_up = warm_up.replace(change["before"], change["after"], 1)
            changes.append(change)
    question = str(row["question"])
    for old, new in _wanted_words(notes):
        if _no_worse(warm_up, put := _put(warm_up, old, new)) and put != warm_up:
            changes.append(_remark(row, "warm-up", put, "Your note asked for another word."))
            warm_up = put
        if (put := _put(question, old, new)) != question:
            changes.append(_remark(row, "question", put, "Your note asked for another word."))
            question = put
    if "question" in notes.lower() and (asked := _asked_anew(order, row)):
        changes.append(
            {
                "section": f"day {row['day']} question",
                "before": question,
                "after": asked,
                "reason": "You asked for another question here.",
            }
        )
        question = asked
    return {"day": row["day"], "warm_up": " ".join(warm_up.split()), "question": question}, changes


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


def _remark(row: Mapping[str, Any], part: str, after: str, reason: str) -> Change:
    return {"section": f"day {row['day']} {part}", "after": after, "reason": reason}


def _tightened(order: Order, row: Mapping[str, Any], most: int) -> tuple[str, list[Change]]:
    """The warm-up with up to `most` phrases mended, each only if nothing measured gets worse."""
    text = str(row["warm_up"])
    changes: list[Change] = []
    rows = order.shuffled(page("house/pencil")["mend"], "edit", row["day"])
    for before, after, reason, place in rows:
        found = re.search(_where(before, place), text)
        if found is None or len(changes) == most:
            continue
        mended = text[: found.start()] + after + text[found.end() :]
        if _no_worse(text, mended):
            changes.append(
                _change(row, _around(text, found.start()), _around(mended, found.start()), reason)
            )
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


def _where(before: str, place: str) -> str:
    """Whole words, and a contraction only where it is grammatical: see the table of places."""
    places: Mapping[str, str] = page("house/pencil")["places"]
    whole = rf"\b{re.escape(before)}\b"
    match place:
        case "negation":
            return rf"(?:{places['negation']}){whole}"
        case "having":
            return f"{places['clause']}{whole}{places['having']}"
        case "being" | "willing":
            return f"{places['clause']}{whole}{places['ended']}"
        case _:
            return whole


def _no_worse(before: str, after: str) -> bool:
    kept = WARM_UP_WORDS[0] <= len(words(after)) <= WARM_UP_WORDS[1]
    return kept and _strain(after) <= max(ROOM, _strain(before))


def _strain(text: str) -> float:
    """How far a text is from the middle of what reads well."""
    return abs(reading_ease(text) - MIDDLE)


def _warmed(order: Order, row: Mapping[str, Any], text: str) -> Change | None:
    """A kinder sentence before the last one."""
    last = SENTENCE.split(text)[-1]
    lines: Sequence[str] = order.shuffled(page("house/pencil")["kind"], "kind", row["day"])
    after = f"{lines[row['day'] % len(lines)]} {last}"
    if not _no_worse(text, text.replace(last, after, 1)):
        return None
    return _change(row, last, after, "Your note asked for a warmer voice.")


def _cut(order: Order, row: Mapping[str, Any], text: str) -> Change | None:
    """Takes out the shortest sentence between the first two and the last two that can be spared."""
    sentences = SENTENCE.split(text)
    for spare, after in sorted(_pairs(sentences[2:-2]), key=lambda pair: len(pair[0])):
        before = f"{spare} {after}"
        if before in text and _no_worse(text, text.replace(before, after, 1)):
            return _change(row, before, after, "Your note asked for a tighter text.")
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


def _change(row: Mapping[str, Any], before: str, after: str, reason: str) -> Change:
    return {
        "section": f"day {row['day']} warm-up",
        "before": before,
        "after": after,
        "reason": reason,
    }
