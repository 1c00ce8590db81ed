"""Which themes are refused: never what is hard to live with, only what would do harm."""

import tomllib
from importlib.resources import files
from typing import Final

from journal_contracts.harms import Harm, harms_of, readings

TABLE: Final = files(__package__).joinpath("themes.toml").read_text(encoding="utf-8")
HARMS: Final[tuple[Harm, ...]] = harms_of(TABLE)
WORDS: Final = {row["name"]: (row["says"], row["help"]) for row in tomllib.loads(TABLE)["harm"]}


def refusal_of(theme: str, audience: str = "", *choices: str) -> str | None:
    """Why no book is made of these words of a user, for that user: kindly, and where help is.

    `choices` are other words that the book would be made by: a title, a style. None: welcome.
    """
    for words in (theme, audience, *choices, f"{theme} for {audience}"):
        if harm := harm_of(words):
            return " ".join(WORDS[harm])
    return None


def harm_of(words: str) -> str | None:
    """The first class of harm that these words ask for."""
    seen = list(readings(words))
    return next((harm.name for harm in HARMS if harm.is_in(seen)), None)
