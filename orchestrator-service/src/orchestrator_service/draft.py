"""A journal while it changes: the saga as it is so far, and what is to be said of it; pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from journal_contracts.events import CraftShared, CraftUnshared, PhaseFailed, Usage
from journal_contracts.message import Message, PublicEvent, StepRef
from journal_contracts.product import Share
from orchestrator_service import steps
from orchestrator_service.state import Part, PhaseState, QuestionState, Saga, Trouble, changed
from orchestrator_service.table import Graph, Node, Phase


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
        self.saga = saga = changed(self.saga, n=self.saga.n + 1)
        about = {"journal_id": saga.id, "user_id": saga.user_id, "n": saga.n, "at": self.now}
        also = tuple(sorted(saga.members))
        self.said.append(event(**about, percent=saga.percent, also=also, **fields))

    def share(self, members: Mapping[UUID, Share]) -> None:
        """Let these be its members: who is new is told so first, who is not any more last."""
        for gone in sorted(self.saga.members.keys() - members.keys()):
            self.tell(CraftUnshared, member=gone)
            left = {member: role for member, role in self.saga.members.items() if member != gone}
            self.saga = changed(self.saga, members=left)
        for member, role in sorted(members.items()):
            before = self.saga.members.get(member)
            if before != role:
                self.saga = changed(self.saga, members={**self.saga.members, member: role})
                self.tell(CraftShared, member=member, role=role, anew=before is None)

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
        part = changed(state.parts[name], **changes)
        self.set_phase(phase, changed(state, parts={**state.parts, name: part}))

    def set_phase(self, name: str, state: PhaseState) -> None:
        self.saga = changed(self.saga, phases={**self.saga.phases, name: state})

    def set_question(self, name: str, state: QuestionState) -> None:
        self.saga = changed(self.saga, questions={**self.saga.questions, name: state})

    def count(self, usage: Usage) -> None:
        """Add to what the journal cost; one unpriced call makes the whole unpriced."""
        before = self.saga.usage
        priced = before.cost is not None and usage.cost is not None
        self.saga = changed(
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
            self.saga = changed(self.saga, facts={**self.saga.facts, phase: facts})

    def measure(self) -> None:
        """The share of the work that is done, by weight; doing something again takes none back."""
        weights = self.saga.definition.weights
        done = sum(weights[name] * _share(state) for name, state in self.saga.phases.items())
        percent = int(99 * done / sum(weights[name] for name in self.saga.phases))
        if percent > self.saga.percent:
            self.saga = changed(self.saga, percent=percent)

    def trouble(self, trouble: Trouble) -> None:
        self.saga = changed(self.saga, trouble=trouble)

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

    def has_failed(self) -> bool:
        return any(part.state == "failed" for _, _, part in self.parts())

    def patience(self, node: Node) -> timedelta:
        request = self.saga.request
        set_ = request.step_seconds if isinstance(node, Phase) else request.decision_seconds
        return node.patience if set_ is None else timedelta(seconds=set_)


def _share(state: PhaseState) -> float:
    """How much of a phase is done."""
    match state.status:
        case "waiting":
            return 0.0
        case "done":
            return 1.0
        case _:
            done, parts = state.progress
            return done / parts if parts else 0.0
