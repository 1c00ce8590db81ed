"""`manifest.json`: what was made, from what, at whose choice and at what cost."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from journal_contracts.api import (
    AssetView,
    ChosenView,
    JournalOrder,
    JournalView,
    PhaseView,
    ResearchView,
)
from journal_contracts.product import Edition, PlanName
from journalcraft.shelf import FILES


class Part(BaseModel):
    """A part of the manifest."""

    model_config = ConfigDict(frozen=True)


class BookMade(Part):
    """One book; `file` lies beside the manifest."""

    edition: Edition
    file: str
    sha256: str
    bytes: int
    pages: int | None
    words: int | None
    figures: int | None


class Cost(Part):
    """What the models cost; `cost` is in US dollars, None where a model has no known price."""

    calls: int
    tokens_in: int
    tokens_out: int
    cost: Decimal | None


class PhaseDone(Part):
    """An agent's work; the seconds of phases that ran side by side overlap."""

    name: str
    agent: str
    status: str
    parts: int
    seconds: float | None


class Manifest(Part):
    """The whole of it. `seconds` is from the order to the finished books, waiting included."""

    journal_id: UUID
    theme: str
    title: str | None
    plan: PlanName
    language: str
    model: str | None
    sample_text: bool
    books: tuple[BookMade, ...]
    research: ResearchView | None
    pictures: dict[str, int]
    decisions: tuple[ChosenView, ...]
    usage: Cost
    phases: tuple[PhaseDone, ...]
    created_at: datetime
    completed_at: datetime
    seconds: float

    @classmethod
    def of(cls, order: JournalOrder, view: JournalView, books: Mapping[Edition, AssetView]) -> Self:
        """The manifest of a completed journal."""
        return cls(
            journal_id=view.id,
            theme=view.theme,
            title=view.title,
            plan=view.plan,
            language=order.language,
            model=view.model,
            sample_text=view.sample_text,
            books=tuple(_book(edition, asset) for edition, asset in books.items()),
            research=view.research,
            pictures=view.pictures,
            decisions=view.decisions,
            usage=Cost(**view.usage.model_dump()),
            phases=tuple(map(_phase, view.phases)),
            created_at=view.created_at,
            completed_at=view.updated_at,
            seconds=round((view.updated_at - view.created_at).total_seconds(), 3),
        )


def _book(edition: Edition, asset: AssetView) -> BookMade:
    facts = asset.model_dump(include={"sha256", "bytes", "pages", "words", "figures"})
    return BookMade(edition=edition, file=FILES[edition], **facts)


def _phase(phase: PhaseView) -> PhaseDone:
    return PhaseDone(**phase.model_dump(include=set(PhaseDone.model_fields)))
