"""The frame of a book: quote, intro, commitment, certificate, closing and their pictures."""

from typing import Any, Final

from agent_workers.writer.fitting import Part, fit
from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page
from journal_contracts.product import Edition

LENGTH: Final = (135, 205)
SECTIONS: Final = ("intro", "commitment", "certificate", "closing")
PICTURES: Final = ("cover_picture", "intro_picture", "certificate_picture")


def frame_draft(order: Order) -> dict[str, Any]:
    """Everything before the first and after the last day of one book."""
    rows = page(f"house/frame_{order.edition}")
    return {
        "quote": {"text": _quote(order), "attribution": ""},
        **{section: _text(order, section, rows[section]) for section in SECTIONS},
        **{name: dict(order.pick(rows[name], name)) for name in PICTURES},
    }


def _quote(order: Order) -> str:
    """The two books of one order never open with the same line."""
    quotes = order.shuffled(order.pool["quotes"], "quote")
    return str(quotes[0 if order.edition is Edition.JOURNAL else 1])


def _text(order: Order, section: str, parts: list[list[str]]) -> str:
    abouts = order.shuffled(order.pool["about"], "about")
    about = order.fill(abouts[0 if order.edition is Edition.JOURNAL else -1])
    dice = order.dice("frame", order.edition, section)
    wordings = [[order.fill(text, about=about) for text in order.suited(part)] for part in parts]
    return fit([Part.needed(texts, dice.randrange(len(texts))) for texts in wordings], *LENGTH)
