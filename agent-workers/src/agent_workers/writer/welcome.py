"""The welcome: a clean theme, an audience in one line and five author styles to choose from."""

from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page

STYLES: Final = 5


def welcome(order: Order) -> dict[str, Any]:
    """What Onboarding gives back to the user."""
    styles = order.shuffled(page("house/styles")["style"], "styles")
    manners: dict[str, dict[str, str]] = {}
    for style in styles:
        manners.setdefault(style["voice"], style)
    chosen = list(manners.values())[:STYLES]
    return {
        "theme_name": order.theme.name,
        "audience": _audience(order),
        "styles": [{"label": style["label"], "line": style["line"]} for style in chosen],
    }


def _audience(order: Order) -> str:
    """Who the book is for, in one line: whom the user named, else whom its pool speaks to."""
    line = order.fill(order.pool["audience"])
    readers = order.theme.readers
    return f"{readers[:1].upper()}{readers[1:]} {line.partition(' ')[2]}" if readers else line
