"""Ten titles a set: five that a search finds, five in the manner the user asked for."""

import re
from collections.abc import Sequence
from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page

A_SET: Final = 5
LONGEST_TITLE, LONGEST_SUBTITLE = 80, 120
READ_AT_A_GLANCE: Final = 60
"""A title up to here fits on a thumbnail; longer ones are offered last."""
MOST_INSIDE: Final = 2
ARTICLES: Final = ("a", "an", "the", "your")
SUFFERED: Final = ("losing", "missing", "failing", "being", "getting")
"""What nobody writes a journal for: "A Journal for Losing Your Father"."""


def titles(order: Order) -> dict[str, Any]:
    """The wanted set; no title of it was shown before."""
    rows = page("house/titles")
    style = str(order.brief.get("title_style") or "inspirational")
    styled = rows["styled"].get(style, rows["styled"]["inspirational"])
    return {
        "searchable": _set(order, rows["searchable"], rows["searchable_subtitles"], "searchable"),
        "styled": _set(order, styled, rows["styled_subtitles"], style),
    }


def _set(
    order: Order, patterns: Sequence[str], subtitles: Sequence[str], name: str
) -> list[dict[str, str]]:
    """Five titles of this kind with a subtitle each."""
    number = max(1, int(order.brief.get("set") or 1))
    shown = {str(title).casefold() for title in order.brief.get("already") or ()}
    patterns = [text for text in patterns if _takes(text, order.theme.own)]
    texts = [order.fill(text) for text in order.shuffled(order.suited(patterns), "titles", name)]
    fitting = [text for text in texts if len(text) <= LONGEST_TITLE]
    fitting.sort(key=lambda text: len(text) > READ_AT_A_GLANCE)
    start = A_SET * (number - 1) % max(1, len(fitting))
    fresh = [text for text in fitting[start:] + fitting[:start] if text.casefold() not in shown]
    subtitles = [text for text in subtitles if _takes(text, order.theme.own)]
    lines = [line for line in map(order.fill, subtitles) if len(line) <= LONGEST_SUBTITLE]
    under = order.shuffled(lines, "subtitles", name, number)
    return [
        {"text": text, "subtitle": under[at % len(under)]} for at, text in enumerate(fresh[:A_SET])
    ]


def _takes(pattern: str, theme: str) -> bool:
    """Whether it reads well there: never "The a New Job Journal" nor "for Joy for Teens"."""
    begins = theme.split(maxsplit=1)[0].lower()
    if "for {Title}" in pattern and (" for " in f" {theme} " or begins in SUFFERED):
        return False
    inside = re.search(r"^The (?:\S+ )?\{Title\}", pattern)
    return not inside or (len(theme.split()) <= MOST_INSIDE and begins not in ARTICLES)
