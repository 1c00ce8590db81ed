"""The daily spreads: warm-up, question, heading and pictures, written against the outline."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent_workers.writer.fitting import Part, fit
from agent_workers.writer.insights import worked_in
from agent_workers.writer.order import Order
from agent_workers.writer.outline import essay_for
from agent_workers.writer.shelf import Essay, page
from agent_workers.writer.theme import title_case, without_markup
from journal_contracts.checks import words
from journal_contracts.product import BOOKS, QUESTION_WORDS, Edition, Mode, Stage

LENGTH: Final = (186, 211)
NO_SCENE: Final = {Edition.JOURNAL: 30, Edition.LEAD_MAGNET: 12}
"""The scene makes a day one of this theme; six days may rest on so much that it is crowded."""
NO_REASON, NO_CLOSE, NO_ASIDE, NO_OPENING = 6, 3, 2, 4
Row = Mapping[str, Any]


def days_draft(order: Order) -> dict[str, Any]:
    """The days asked for; a day that comes back with a higher round is worded anew."""
    return {"days": [_day(order, row) for row in order.brief["days"]]}


def _day(order: Order, row: Row) -> dict[str, Any]:
    essay, ours = essay_for(order, order.edition, row)
    turn = int(order.brief.get("round") or row.get("round") or 0)
    angle = "" if ours else _angle(row)
    return {
        "day": row["day"],
        "heading": _heading(order, essay, angle, turn),
        "warm_up": _warm_up(order, essay, row, angle, turn),
        "question": _question(order, essay, row, angle, turn),
        "left": _picture(essay.left),
        "right": _picture(essay.right),
    }


def _warm_up(order: Order, essay: Essay, row: Row, angle: str, turn: int) -> str:
    serial = _serial(order.edition, row["day"])
    insights = worked_in(order, row, serial)
    dice = order.dice("wording", order.edition, essay.angle)

    def wordings(texts: Sequence[str], turned: int) -> Part:
        filled = [order.fill(text) for text in order.suited(texts)]
        return Part.needed(filled, dice.randrange(len(filled)) + turned)

    even, odd = turn & 1, turn >> 1 & 1
    # The close takes up the picture its opening drew, so the two are chosen as one.
    pairs = _framings(order, essay)
    first, last = pairs[(dice.randrange(len(pairs)) + even) % len(pairs)]
    opening, close = Part.needed([order.fill(first)]), Part.needed([order.fill(last)])
    parts = [
        *(
            [_brought_in(order, angle, serial), opening.or_nothing(NO_OPENING)]
            if angle
            else [opening]
        ),
        wordings(_scenes(order, essay), odd).or_nothing(NO_SCENE[order.edition]),
        wordings(page("house/reasons")[essay.facet], even).or_nothing(NO_REASON),
        wordings(essay.middle, odd),
        Part.needed([insights.get("told", "")]),
        wordings(essay.task, even),
        *(Part.spare(order.fill(text), cost) for cost, text in enumerate(_more(order, essay), 1)),
        _aside(order, essay, row["day"]),
        close.or_nothing(NO_CLOSE),
        Part.needed([insights.get("advised", "")]),
    ]
    return fit(parts, *LENGTH)


def _aside(order: Order, essay: Essay, day: int) -> Part:
    """A word in the author's manner; a day for sitting still or for parting goes without it."""
    texts = page("house/voices")[order.voice][essay.stage]
    voices = order.shuffled(order.suited(texts), "voice", essay.stage)
    third = BOOKS[order.edition].days // len(Stage)
    # The six days take up where the thirty have left off.
    told_before = (
        0 if order.edition is Edition.JOURNAL else BOOKS[Edition.JOURNAL].days // len(Stage)
    )
    text = voices[((day - 1) % third + told_before) % len(voices)]
    tries = essay.mode is Mode.ACT and essay.place != "last"
    return Part.needed([text]).or_nothing(NO_ASIDE) if tries else Part.spare(text)


def _question(order: Order, essay: Essay, row: Row, angle: str, turn: int) -> str:
    dice = order.dice("question", order.edition, row["day"])
    of_the_theme: list[str] = [order.pool["ask"][essay.facet]]
    asks = [*of_the_theme, *order.shuffled(order.suited(essay.asks), "ask", essay.angle)]
    if not order.theme.tender and dice.random() < 1 / 3:
        asks = asks[1:] + asks[:1]
    if angle:
        asks = [
            *order.shuffled(page("house/angles")[f"ask_{essay.stage}"], "ask", row["day"]),
            *asks,
        ]
    filled = [order.fill(ask, angle=angle) for ask in asks]
    filled = filled[turn % len(filled) :] + filled[: turn % len(filled)]
    return next((ask for ask in filled if _is_one_question(ask)), filled[-1])


def _is_one_question(text: str) -> bool:
    return text.count("?") == 1 and QUESTION_WORDS[0] <= len(words(text)) <= QUESTION_WORDS[1]


def _heading(order: Order, essay: Essay, angle: str, turn: int) -> str:
    if angle and 2 <= len(angle.split()) <= 6:
        return title_case(angle)
    headings = order.suited(essay.headings)
    first = order.dice("heading", essay.angle).randrange(len(headings))
    return headings[(first + turn) % len(headings)]


def _framings(order: Order, essay: Essay) -> list[tuple[str, str]]:
    """The openings with their closes; of those that do not suit the theme none."""
    pairs = list(zip(essay.opening, essay.close, strict=True))
    return [pair for pair in pairs if order.suits(*pair)] or pairs


def _more(order: Order, essay: Essay) -> list[str]:
    return [text for text in essay.more if order.suits(text)]


def _scenes(order: Order, essay: Essay) -> list[str]:
    """What this facet of life looks like with the theme in it."""
    scenes: str | list[str] = order.pool["scene"][essay.facet]
    return [scenes] if isinstance(scenes, str) else scenes


def _brought_in(order: Order, angle: str, serial: int) -> Part:
    """The sentence that introduces an angle the bank does not know, and one that takes it up."""
    rows = page("house/angles")
    said = order.shuffled(rows["brought_in"], "angle")[serial % len(rows["brought_in"])]
    taken = order.shuffled(rows["taken_up"], "angle")[serial % len(rows["taken_up"])]
    return Part.needed([f"{said.format(angle=angle)} {order.fill(taken)}"])


def _angle(row: Row) -> str:
    """The day's angle as it can stand inside a sentence."""
    bare = re.sub(r"[.!?…]+", "", without_markup(str(row.get("angle") or ""))).strip(" ,;:-")
    short = " ".join(bare.split()[:9])
    if not short:
        return "a quiet look at the day"
    return short if short[:2].isupper() else short[:1].lower() + short[1:]


def _serial(edition: Edition, day: int) -> int:
    """One number for every day of both books, so that nothing counted out by it comes twice."""
    return day - 1 + (0 if edition is Edition.JOURNAL else BOOKS[Edition.JOURNAL].days)


def _picture(subject: str) -> dict[str, str]:
    return {"subject": subject, "alt": f"{subject[:1].upper()}{subject[1:]}."}
