"""A passage: what an insight may rest on, with where it stands; and who finds passages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from journal_contracts import artifacts
from journal_contracts.checks import words

SHORTEST_ROOT: Final = 4
ROOT: Final = 5


@dataclass(frozen=True)
class Passage:
    """A few sentences; `id` is how the model names it. Knowledge has no text to show."""

    id: str
    origin: artifacts.Source
    text: str = ""
    document: str = ""
    place: str = ""

    def bears(self, insight: str) -> bool:
        """Whether an insight can rest on it: two words of weight in common, whatever their ends."""
        return not self.text or len(roots(self.text) & roots(insight)) >= 2


@dataclass(frozen=True)
class Gathered:
    """What a source has on a question, best first, and why which of its documents was left out."""

    passages: tuple[Passage, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Anything that has passages on a question."""

    async def gather(self, question: str, most: int) -> Gathered:
        """At most so many passages, the nearest to the question."""
        ...


def roots(text: str) -> set[str]:
    """The words of weight without their endings, roughly: worry, worries and worried are one."""
    weighty = (word for word in words(text) if len(word) >= SHORTEST_ROOT and word not in LIGHT)
    return {word.replace("y", "i")[:ROOT] for word in weighty}


LIGHT: Final = frozenset(
    "about after again also because been before being both could does doing down each ever every "
    "from have having here into itself just less like made make many more most much must only "
    "other over same should some such than that their them then there these they thing things this "
    "those through under until upon very was well were what when where which while will with "
    "without would your yours".split()
)
