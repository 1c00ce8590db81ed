"""Refusing a theme at the desk: the door refuses too, but titles and styles are chosen later."""

from typing import Final

from journal_contracts.commands import Brief
from journal_contracts.themes import refusal_of

SOMEONE_TO_TALK_TO: Final = (
    "If you need someone to talk to: in the US and Canada call or text 988, in the UK and Ireland "
    "call 116 123, elsewhere see findahelpline.com."
)


class ThemeRefused(Exception):
    """No book is made of this; the message is for the user: a kind sentence and where help is."""


def welcome(brief: Brief) -> None:
    """Raises `ThemeRefused` where the user's own words ask for harm."""
    title = f"{brief.title.text} {brief.title.subtitle}" if brief.title else ""
    style = f"{brief.author_style.label} {brief.author_style.line}" if brief.author_style else ""
    if refusal := refusal_of(brief.theme, brief.audience, title, style):
        raise ThemeRefused(refusal)
