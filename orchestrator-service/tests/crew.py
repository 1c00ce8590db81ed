"""A crew of paper: it answers every command at once, as a test wants it answered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from journal_contracts.commands import RegisterAssets, RunPhase, WithdrawAssets
from journal_contracts.decisions import Choice
from journal_contracts.events import (
    AssetsRegistered,
    AssetsWithdrawn,
    DecisionRequested,
    StepFailed,
    StepFinished,
    Usage,
)
from journal_contracts.message import Message, PublicEvent, StepRef
from journal_contracts.product import Depth, PlanName, TitleStyle
from orchestrator_service import answers
from orchestrator_service.happenings import Answered, Begin, DeadlinePassed, Happening, Reply
from orchestrator_service.plan import NEWEST
from orchestrator_service.saga import advance
from orchestrator_service.state import Request, Saga

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
JOURNAL, USER = UUID(int=1), UUID(int=2)
Step = RunPhase | RegisterAssets | WithdrawAssets
STYLES = [{"label": f"Style {n}", "line": "A manner."} for n in range(1, 6)]


def request(plan: PlanName = PlanName.STANDARD, **changes: Any) -> Request:
    """An order for a journal about anxiety."""
    return Request(
        **{
            "theme": "anxiety",
            "plan": plan,
            "title_style": TitleStyle.INSPIRATIONAL,
            "depth": Depth.MEDIUM,
            **changes,
        }
    )


def finished(step: Step, **facts: Any) -> Reply:
    """The good answer to a command."""
    match step:
        case RegisterAssets():
            return AssetsRegistered(**_fence(step), assets=("journal.pdf", "lead-magnet.pdf"))
        case WithdrawAssets():
            return AssetsWithdrawn(**_fence(step))
        case RunPhase():
            return StepFinished(**_fence(step), facts={**_facts(step), **facts})


def billed(step: Step, dollars: str | None, **facts: Any) -> Reply:
    """The same, after one call to a model; None: nobody knows its price."""
    cost = None if dollars is None else Decimal(dollars)
    usage = Usage(calls=1, tokens_in=10, tokens_out=10, cost=cost)
    return finished(step, **facts).model_copy(update={"usage": usage})


def failed(step: Step, kind: str = "fatal") -> StepFailed:
    """The bad answer to a command."""
    return StepFailed(
        **_fence(step),
        kind=kind,
        code="no_luck",
        detail="It did not work.",
    )


def _fence(step: Step) -> dict[str, Any]:
    return {name: getattr(step, name) for name in StepRef.model_fields}


@dataclass
class Journey:
    """One journal under test: its state, what was said, and the commands not answered yet."""

    saga: Saga
    now: datetime = MONDAY
    events: list[PublicEvent] = field(default_factory=list)
    commands: list[Step] = field(default_factory=list)
    sent: list[Step] = field(default_factory=list)

    @classmethod
    def begun(
        cls, plan: PlanName = PlanName.STANDARD, *, version: int = NEWEST, **changes: Any
    ) -> "Journey":
        ordered = request(plan, **changes)
        journey = cls(Saga(JOURNAL, USER, ordered, version))
        journey.happen(Begin(ordered, version))
        return journey

    def happen(self, message: Happening) -> tuple[Message, ...]:
        self.saga, said = advance(self.saga, message, self.now)
        for each in said:
            if isinstance(each, PublicEvent):
                self.events.append(each)
            elif isinstance(each, Step):
                self.commands.append(each)
                self.sent.append(each)
        return said

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def pass_time(self, **time: float) -> tuple[Message, ...]:
        """Wait, and let the clock be heard."""
        self.wait(**time)
        return self.happen(DeadlinePassed())

    def come_to(self, question: str) -> None:
        """Work, and take defaults, until this is asked."""
        self.work()
        while question not in self.asked():
            asked = answers.open_questions(self.saga)[0]
            self.answer(asked.id, asked.default)
            self.work()

    def work(self, until: str | None = None, reply: Callable[..., Reply] = finished) -> None:
        """Answer commands until none is left, or until the next one is of phase `until`."""
        while self.commands and self.commands[0].phase != until:
            self.happen(reply(self.commands.pop(0)))

    def answer(self, question: str, option: str, **more: Any) -> None:
        choice = Choice(option=option, **more)
        rev = self.saga.questions[question].rev
        assert answers.judge(self.saga, question, rev, choice)[0] == "accepted"
        assert answers.fits(self.saga, question, choice)
        self.happen(Answered(question, choice))

    def finish(self, **choices: str) -> None:
        """Work and answer until the journal is over, taking defaults where nothing is said."""
        self.work()
        while not self.saga.is_over:
            asked = answers.open_questions(self.saga)[0]
            self.answer(asked.id, choices.get(asked.id, asked.default))
            self.work()

    def asked(self) -> list[str]:
        return [view.id for view in answers.open_questions(self.saga)]

    def requested(self) -> Iterator[DecisionRequested]:
        return (event for event in self.events if isinstance(event, DecisionRequested))

    def names(self) -> list[str]:
        return [event.name for event in self.events]


def _facts(step: RunPhase) -> dict[str, Any]:
    match step.phase:
        case "onboarding":
            return {"styles": STYLES, "audience": "people who worry"}
        case "discovery":
            start = 10 * (step.order["set"] - 1)
            titles = [{"text": f"Title {start + n}", "subtitle": ""} for n in range(1, 11)]
            seen = [*step.order["already"], *(title["text"] for title in titles)]
            return {"titles": titles, "already": seen}
        case "proof":
            return {"again": []}
        case _:
            return {}
