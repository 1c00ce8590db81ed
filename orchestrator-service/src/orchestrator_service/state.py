"""What the orchestrator remembers of one journal: frozen data, changed only by `saga.advance`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from journal_contracts.decisions import Choice, ChosenBy
from journal_contracts.events import Usage
from journal_contracts.product import Depth, PlanName, TitleStyle
from orchestrator_service.plan import Known, Order

Life = Literal["running", "completed", "failed", "cancelled"]


@dataclass(frozen=True)
class Part:
    """One step: `open` with its worker until `due`, to `retry` at `due`, `done` or `failed`.

    `attempt` never starts over; `made` is the last attempt that was finished, whose result counts.
    """

    state: Literal["open", "retry", "done", "failed"]
    attempt: int = 1
    tries: int = 0
    round: int = 0
    made: int | None = None
    due: datetime | None = None
    order: Order | None = None
    """Only where the table does not say it: days that are written again."""


@dataclass(frozen=True)
class PhaseState:
    """Where a phase stands; `parts` keeps earlier rounds."""

    status: Literal["waiting", "running", "done"] = "waiting"
    round: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)
    began: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Made:
    """A decision that was made."""

    rev: int
    choice: Choice
    by: ChosenBy
    at: datetime


@dataclass(frozen=True)
class QuestionState:
    """Where a question stands; `made` keeps the answer to every revision."""

    status: Literal["waiting", "open", "closed"] = "waiting"
    rev: int = 0
    due: datetime | None = None
    made: tuple[Made, ...] = ()


@dataclass(frozen=True)
class Request:
    """What the user ordered, and what was answered in advance."""

    theme: str
    plan: PlanName
    title_style: TitleStyle
    depth: Depth
    language: str = "en"
    audience: str = ""
    answers: Mapping[str, Choice] = field(default_factory=dict)
    unattended: bool = False
    priority: int = 0
    """Higher goes first, before anybody's fair share."""
    decision_seconds: float | None = None
    """In the place of every question's own patience, where a setting says so."""
    step_seconds: float | None = None


@dataclass(frozen=True)
class Trouble:
    """What stopped a journal."""

    code: str
    detail: str
    phase: str


@dataclass(frozen=True)
class Saga:
    """Everything there is to know of one journal."""

    id: UUID
    user_id: UUID
    request: Request
    status: Life = "running"
    n: int = 0
    percent: int = 0
    phases: Mapping[str, PhaseState] = field(default_factory=dict)
    questions: Mapping[str, QuestionState] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    trouble: Trouble | None = None

    @property
    def known(self) -> Known:
        """What the table's functions are told."""
        return Known(
            title_style=self.request.title_style,
            depth=self.request.depth,
            facts=self.facts,
            chosen={
                name: state.made[-1].choice for name, state in self.questions.items() if state.made
            },
            rounds={name: state.round for name, state in self.phases.items()},
        )

    @property
    def due(self) -> datetime | None:
        """When something has to happen even if nobody says anything."""
        parts = [part.due for state in self.phases.values() for part in state.parts.values()]
        asked = [state.due for state in self.questions.values()]
        return min((due for due in (*parts, *asked) if due), default=None)

    @property
    def is_over(self) -> bool:
        return self.status != "running"

    @property
    def is_working(self) -> bool:
        """Whether any step is with a worker, or will be without anyone's answer."""
        parts = (part for state in self.phases.values() for part in state.parts.values())
        return not self.is_over and any(part.state in ("open", "retry") for part in parts)
