"""Which themes are refused: never what is hard to live with, only what would do harm."""

import tomllib
from importlib.resources import files
from typing import Final

from journal_contracts.commands import Brief
from journal_contracts.harms import Harm, harms_of, readings

TABLE: Final = files(__package__).joinpath("themes.toml").read_text(encoding="utf-8")
HARMS: Final[tuple[Harm, ...]] = harms_of(TABLE)
WORDS: Final = {row["name"]: (row["says"], row["help"]) for row in tomllib.loads(TABLE)["harm"]}
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
    for words in (brief.theme, brief.audience, title, style, f"{brief.theme} for {brief.audience}"):
        if harm := harm_of(words):
            raise ThemeRefused(" ".join(WORDS[harm]))


def harm_of(words: str) -> str | None:
    """The first class of harm that these words ask for."""
    seen = list(readings(words))
    return next((harm.name for harm in HARMS if harm.is_in(seen)), None)
