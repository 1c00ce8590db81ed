"""Fitting: choosing wordings so that a text has the length and the ease its page wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
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


def fit(parts: Sequence[Part], least: int, most: int) -> str:
    """The cheapest choice of wordings within the length, or else the one nearest to it."""
    weighed = [[(cost, *_weight(text), text) for cost, text in part.wordings] for part in parts]

    def price(choice: tuple[tuple[float, int, float, str], ...]) -> tuple[int, float]:
        length = sum(count for _, count, _, _ in choice)
        ease = sum(count * ease for _, count, ease, _ in choice) / max(1, length)
        cost = sum(cost for cost, _, _, _ in choice)
        return max(least - length, length - most, 0), cost + TOO_EASY * max(0.0, ease - EASY_ENOUGH)

    best = min(product(*weighed), key=price)
    return " ".join(text for *_, text in best if text)


@lru_cache(maxsize=4096)
def _weight(text: str) -> tuple[int, float]:
    """How many words, and how easily they read."""
    return len(words(text)), reading_ease(text)
