"""What the model knows by itself: always there, and marked as no more than that."""

from dataclasses import dataclass
from typing import Final

from agent_workers.sources.passage import Gathered, Passage
from journal_contracts import artifacts

OWN: Final = "own"


@dataclass(frozen=True)
class OwnKnowledge:
    """One model's."""

    model: str

    async def gather(self, question: str, most: int) -> Gathered:
        """Nothing to show: a name for insights that rest on no document."""
        return Gathered((Passage(OWN, artifacts.Source(kind="model", reference=self.model)),))
