"""What the orchestrator remembers of one journal: frozen data, changed only by `saga.advance`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

from journal_contracts.decisions import Choice, ChosenBy
from journal_contracts.events import Usage
from journal_contracts.message import Allowance
from journal_contracts.product import Depth, PlanName, Share, TitleStyle
from orchestrator_service.plan import DEFINITIONS
from orchestrator_service.questions import OVER_BUDGET, OVER_QUOTA
from orchestrator_service.table import Definition, Graph, Known, Order, Question

T = TypeVar("T")
Life = Literal["running", "completed", "failed", "cancelled"]

UNDO: Final = "undo"
"""The part of a phase that takes its effect back."""


@dataclass(frozen=True)
class Part:
    """One step: `open` with its worker until `due`, to `retry` at `due`, `done` or `failed`;
    `dropped` where its phase is done again and nobody waits for it any more.

    `attempt` never starts over; `made` is the last attempt that was finished, whose result counts.
    """

    state: Literal["open", "retry", "done", "failed", "dropped"]
    attempt: int = 1
    tries: int = 0
    round: int = 0
    made: int | None = None
    due: datetime | None = None
    order: Order | None = None
    """Only where the table does not say it: days that are written again."""
    promised: Decimal | None = None
    """What it may cost, in US dollars; nobody else may spend that while it is open."""
    waits: int = 0
    """How often it found no room in its user's day; `needs` is what it wanted there."""
    needs: Allowance | None = None


@dataclass(frozen=True)
class PhaseState:
    """Where a phase stands; `parts` keeps earlier rounds.

    `done` may become `undo`: its effect is to be taken back; `undoing`: it is being taken back.
    """

    status: Literal["waiting", "running", "done", "undo", "undoing"] = "waiting"
    round: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)
    began: datetime | None = None
    seconds: float | None = None
    judged: int = 0
    """How often it has ordered parts of another phase again."""

    @property
    def work(self) -> Mapping[str, Part]:
        """The parts that make something, and that somebody wants."""
        return {n: part for n, part in self.parts.items() if n != UNDO and part.state != "dropped"}

    @property
    def progress(self) -> tuple[int, int]:
        """How many parts of the work are done, and how many there are."""
        done = wanted = 0
        for name, part in self.parts.items():
            if name != UNDO and part.state != "dropped":
                wanted += 1
                done += part.state == "done"
        return done, wanted

    @property
    def is_at_work(self) -> bool:
        return self.status in ("running", "undoing")


@dataclass(frozen=True)
class Made:
    """A decision that was made."""

    rev: int
    choice: Choice
    by: ChosenBy
    at: datetime
    label: str = ""
    """The choice as people read it."""


@dataclass(frozen=True)
class QuestionState:
    """Where a question stands; `made` keeps the answer to every revision."""

    status: Literal["waiting", "open", "closed"] = "waiting"
    rev: int = 0
    due: datetime | None = None
    made: tuple[Made, ...] = ()
    wishes: int = 0
    """How often its answer sent the journal back."""
    also: UUID | None = None
    """Who may answer it beside the journal's owner."""


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
    budget: Decimal | None = None
    """US dollars the models may cost before the user is asked."""
    models: str = ""
    """The choice of models, by its name; "": the house's own."""
    documents: tuple[str, ...] = ()
    """What research is to rest on, by name."""


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
    version: int = 1
    """Of the table of phases; `migration.py` moves a journal to the next."""
    status: Life = "running"
    n: int = 0
    percent: int = 0
    phases: Mapping[str, PhaseState] = field(default_factory=dict)
    questions: Mapping[str, QuestionState] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    trouble: Trouble | None = None
    prepared: Mapping[str, Choice] = field(default_factory=dict)
    """Answers that were given with a retry, for whenever their questions come."""
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    members: Mapping[UUID, Share] = field(default_factory=dict)
    """Whom its owner shares it with."""

    @property
    def definition(self) -> Definition:
        return DEFINITIONS[self.version]

    @property
    def graph(self) -> Graph:
        return self.definition.graphs[self.request.plan]

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
            wishes={name: state.wishes for name, state in self.questions.items()},
            rounds={name: state.round for name, state in self.phases.items()},
            documents=self.request.documents,
        )

    def chosen(self, question: str) -> Choice | None:
        """The answer to a question that is closed."""
        state = self.questions.get(question)
        return state.made[-1].choice if state and state.status == "closed" else None

    @property
    def due(self) -> datetime | None:
        """When something has to happen even if nobody says anything."""
        if self.paused_until is not None:
            return self.paused_until
        held = self.is_held
        dues = [state.due for state in self.questions.values() if state.due]
        for phase in self.phases.values():
            dues += [p.due for p in phase.parts.values() if p.due and _is_due(p, held)]
        return min(dues, default=None)

    @property
    def is_over(self) -> bool:
        return self.status != "running"

    @property
    def is_held(self) -> bool:
        """Whether no new step may begin: it is paused, or has cost what it may."""
        return self.paused_until is not None or self.is_over_budget or self._is_asked(OVER_QUOTA)

    @property
    def is_over_budget(self) -> bool:
        """Whether the user is asked what is to become of a journal that costs too much."""
        return self._is_asked(OVER_BUDGET)

    def is_patient_on(self, now: datetime) -> bool:
        """Whether nobody is to be asked about this day (any more): somebody is, or would wait."""
        asked = self.questions.get(OVER_QUOTA.name)
        if asked is None or not asked.made or asked.status == "open":
            return self._is_asked(OVER_QUOTA)
        last = asked.made[-1]
        is_of_the_day = next_day(last.at) == next_day(now)
        chosen = last.by == "user" or self.request.unattended
        return last.choice.option == "wait" and is_of_the_day and chosen

    def _is_asked(self, question: Question) -> bool:
        asked = self.questions.get(question.name)
        return asked is not None and asked.status == "open"

    @property
    def allowance(self) -> Decimal | None:
        """What the models may cost in all; whoever lets it go on adds the budget once more."""
        if self.request.budget is None:
            return None
        asked = self.questions.get(OVER_BUDGET.name)
        raised = sum(made.choice.option != "stop" for made in asked.made) if asked else 0
        return self.request.budget * (1 + raised)

    @property
    def unpromised(self) -> Decimal | None:
        """What is left of the budget and promised to nobody; None: nothing is bounded."""
        if self.allowance is None or self.usage.cost is None:
            return None
        parts = (part for phase in self.phases.values() for part in phase.parts.values())
        promised = [part.promised for part in parts if part.state == "open" and part.promised]
        return max(self.allowance - self.usage.cost - sum(promised), Decimal(0))

    @property
    def is_working(self) -> bool:
        """Whether any step is with a worker, or will be without anyone's answer."""
        if self.is_over:
            return False
        states = {part.state for phase in self.phases.values() for part in phase.parts.values()}
        return "open" in states or ("retry" in states and not self.is_held)


def next_day(at: datetime) -> datetime:
    """When the day turns that this is in, in UTC."""
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)


def _is_due(part: Part, held: bool) -> bool:
    return part.state == "open" or not held


def changed(before: T, **changes: Any) -> T:
    """What `dataclasses.replace` gives, at a fifth of its cost: nothing is checked when made."""
    after = object.__new__(type(before))
    after.__dict__.update(before.__dict__, **changes)
    return after
