"""The order: a brief, read once, with the dice and the words every task needs."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self, TypeVar

from agent_workers.writer.shelf import page, pool
from agent_workers.writer.theme import Theme, without_markup
from journal_contracts.product import Edition

T = TypeVar("T")
VOICES: Final[Mapping[str, str]] = {
    "practical": r"practic|coach|direct|organi|action|task|brisk|trainer|workshop|maker",
    "quiet": r"quiet|calm|poet|lyric|natur|contempl|still|monk|slow|minimal|seren",
    "curious": r"curio|play|explor|question|scien|light|humou?r|wit|detective|fun",
    "plain": r"plain|honest|frank|straight|teacher|clear|dry|steady|no-nonsense|craft",
    "warm": r"warm|mentor|friend|gentle|kind|compan|grandm|nurtur|care|tender",
}


@dataclass(frozen=True)
class Order:
    """What is to be written, for whom, and in whose manner."""

    brief: Mapping[str, Any]
    seed: str
    theme: Theme

    @classmethod
    def read(cls, brief: Mapping[str, Any]) -> Self:
        return cls(brief, str(brief.get("seed") or ""), Theme.read(str(brief.get("theme") or "")))

    @property
    def edition(self) -> Edition:
        return Edition(self.brief.get("edition") or Edition.JOURNAL)

    @property
    def title(self) -> str:
        """The book's title, safe to print inside a sentence."""
        return (
            without_markup(str(self.brief.get("title") or ""))
            or f"{self.theme.title}: A 30-Day Guided Journal"
        )

    @property
    def voice(self) -> str:
        """Which of the five voices of the house comes nearest to the author style."""
        style = self.brief.get("author_style") or {}
        for said in (style.get("label", ""), style.get("line", "")):
            for voice, pattern in VOICES.items():
                if re.search(pattern, str(said), re.I):
                    return voice
        return "warm"

    @property
    def pool(self) -> Mapping[str, Any]:
        """The scenes, insights and quotes kept for this theme."""
        return pool(self.theme.pool)

    def suits(self, *texts: str) -> bool:
        """Whether these may stand beside the theme, and before its readers."""
        audience = str(self.brief.get("audience") or "")
        return all(_suits(self.theme, audience, text) for text in texts)

    def suited(self, texts: Sequence[str]) -> list[str]:
        """Those that may stand beside the theme, or all of them where none may."""
        return [text for text in texts if self.suits(text)] or list(texts)

    def dice(self, *purpose: object) -> random.Random:
        """Chance that always falls the same way for one seed and purpose."""
        return random.Random(":".join(map(str, (self.seed, *purpose))))

    def shuffled(self, items: Sequence[T], *purpose: object) -> list[T]:
        return self.dice(*purpose).sample(list(items), len(items))

    def pick(self, items: Sequence[T], *purpose: object) -> T:
        return self.dice(*purpose).choice(list(items))

    def fill(self, text: str, **more: str) -> str:
        """The text with the theme, the title and whatever else it leaves room for."""
        theme, title = self.theme, self.title
        return text.format_map(
            {
                "theme": theme.noun,
                "own": theme.own,
                "Theme": theme.opening,
                "my_theme": theme.mine,
                "the_words": theme.quoted,
                "Title": theme.title,
                "title": title,
            }
            | more
        )


@lru_cache(maxsize=4_096)
def _suits(theme: Theme, audience: str, text: str) -> bool:
    return not any(pattern.search(text) for pattern in _barred(theme, audience))


@lru_cache(maxsize=64)
def _barred(theme: Theme, audience: str) -> tuple[re.Pattern[str], ...]:
    """What would hurt beside a painful theme or a burden, and what would beside this one."""
    rows = page("house/tender")
    said = f"{theme.noun} {theme.own} {theme.readers} {audience}"
    groups = [
        *([rows["light"]] if theme.tender else ()),
        *([rows["pursuit"]] if theme.burden else ()),
        *(row["words"] for row in rows["sore"] if re.search(row["theme"], said, re.I)),
    ]
    return tuple(re.compile("|".join(patterns), re.I) for patterns in groups)
