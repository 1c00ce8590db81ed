"""Fitting: choosing wordings so that a text has the length and the ease its page wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from journal_contracts.checks import reading_ease, words

OTHER_WORDING: Final = 1
EASY_ENOUGH: Final = 78
TOO_EASY: Final = 1.0
"""What each point of reading ease above that costs: a book of very short words is no comfort."""


@dataclass(frozen=True)
class Part:
    """A part of a text: its possible wordings, each with what it costs to choose that one."""

    wordings: tuple[tuple[float, str], ...]

    @classmethod
    def needed(cls, wordings: Sequence[str], first: int = 0) -> Self:
        """A part that has to be there, best in its wording number `first`."""
        turned = [wordings[(first + at) % len(wordings)] for at in range(len(wordings))]
        return cls(tuple((OTHER_WORDING * min(at, 1), text) for at, text in enumerate(turned)))

    def or_nothing(self, cost: float) -> "Part":
        return Part((*self.wordings, (cost, "")))

    @classmethod
    def spare(cls, text: str, cost: float = 1) -> Self:
        """A sentence that only comes in where the text would be too short."""
        return cls(((0, ""), (cost, text)))


Chosen = tuple[int, float, float, tuple[str, ...]]
"""Wordings of the first parts: words, reading ease by words, cost, and the texts."""


def fit(parts: Sequence[Part], least: int, most: int) -> str:
    """The cheapest choice of wordings within the length, or else the one nearest to it."""
    choices: list[Chosen] = [(0, 0.0, 0.0, ())]
    for part in parts:
        weighed = [(cost, *_weight(text), text) for cost, text in part.wordings]
        choices = [
            (length + more, ease + more * eased, cost + dearer, (*texts, text))
            for length, ease, cost, texts in choices
            for dearer, more, eased, text in weighed
        ]

    def price(choice: Chosen) -> tuple[int, float]:
        length, ease, cost, _ = choice
        too_easy = max(0.0, ease / max(1, length) - EASY_ENOUGH)
        return max(least - length, length - most, 0), cost + TOO_EASY * too_easy

    return " ".join(filter(None, min(choices, key=price)[-1]))


@lru_cache(maxsize=4096)
def _weight(text: str) -> tuple[int, float]:
    """How many words, and how easily they read."""
    return len(words(text)), reading_ease(text)
