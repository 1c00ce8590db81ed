"""A journal while it changes: the saga as it is so far, and what is to be said of it; pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from journal_contracts.events import PhaseFailed, Usage
from journal_contracts.message import Message, PublicEvent, StepRef
from orchestrator_service import steps
from orchestrator_service.state import Part, PhaseState, QuestionState, Saga
from orchestrator_service.table import Graph


class Draft:
    """The small changes of which every transition is made."""

    def __init__(self, saga: Saga, now: datetime) -> None:
        self.saga = saga
        self.now = now
        self.said: list[Message] = []

    @property
    def graph(self) -> Graph:
        return self.saga.graph

    # --- saying ---------------------------------------------------------------------------------

    def tell(self, event: type[PublicEvent], **fields: Any) -> None:
        """Say a public event, with the next `n`."""
        self.saga = saga = replace(self.saga, n=self.saga.n + 1)
        about = {"journal_id": saga.id, "user_id": saga.user_id, "n": saga.n, "at": self.now}
        self.said.append(event(**about, percent=saga.percent, **fields))

    def tell_of(self, event: type[PublicEvent], phase: str, **fields: Any) -> None:
        """The same of a phase, with its agent."""
        self.tell(event, phase=phase, agent=self.saga.definition.phase(phase).agent, **fields)

    def tell_of_failure(
        self, phase: str, part: str, code: str, detail: str, retrying: bool
    ) -> None:
        self.tell_of(
            PhaseFailed,
            phase,
            part=part,
            attempt=self.saga.phases[phase].parts[part].attempt,
            code=code,
            detail=detail,
            retrying=retrying,
        )

    # --- changing -------------------------------------------------------------------------------

    def set_part(self, phase: str, name: str, **changes: Any) -> None:
        state = self.saga.phases[phase]
        part = replace(state.parts[name], **changes)
        self.set_phase(phase, replace(state, parts={**state.parts, name: part}))

    def set_phase(self, name: str, state: PhaseState) -> None:
        self.saga = replace(self.saga, phases={**self.saga.phases, name: state})

    def set_question(self, name: str, state: QuestionState) -> None:
        self.saga = replace(self.saga, questions={**self.saga.questions, name: state})

    def count(self, usage: Usage) -> None:
        """Add to what the journal cost; one unpriced call makes the whole unpriced."""
        before = self.saga.usage
        priced = before.cost is not None and usage.cost is not None
        self.saga = replace(
            self.saga,
            usage=Usage(
                calls=before.calls + usage.calls,
                tokens_in=before.tokens_in + usage.tokens_in,
                tokens_out=before.tokens_out + usage.tokens_out,
                cost=before.cost + usage.cost if priced else None,  # type: ignore[operator] # priced
            ),
        )

    def learn(self, phase: str, facts: Mapping[str, Any]) -> None:
        """Keep the facts of a phase; those of a new round take the place of the old."""
        if facts or phase in self.saga.facts:
            self.saga = replace(self.saga, facts={**self.saga.facts, phase: facts})

    def measure(self) -> None:
        """The share of the work that is done, by weight; doing something again takes none back."""
        total = done = 0.0
        for name, state in self.saga.phases.items():
            weight = self.saga.definition.phase(name).weight
            parts = state.work.values()
            finished = sum(part.state == "done" for part in parts)
            share = finished / len(parts) if parts else float(state.status == "done")
            if state.status == "waiting":
                share = 0.0
            total, done = total + weight, done + weight * share
        self.saga = replace(self.saga, percent=max(self.saga.percent, int(99 * done / total)))

    # --- looking --------------------------------------------------------------------------------

    def status(self, name: str) -> str:
        phase = self.saga.phases.get(name)
        return phase.status if phase else self.saga.questions[name].status

    def is_open(self, step: StepRef) -> bool:
        """The fence: is exactly this step, in exactly this attempt, what the journal waits for?"""
        state = self.saga.phases.get(step.phase)
        part = state.parts.get(step.part) if state and state.is_at_work else None
        return part is not None and (part.state, part.attempt) == ("open", step.attempt)

    def parts(self) -> list[tuple[str, str, Part]]:
        phases = self.saga.phases.items()
        return [(phase, name, p) for phase, state in phases for name, p in state.parts.items()]

    def step(self, phase: str, part: str) -> StepRef:
        return steps.ref(self.saga, phase, part)
