"""The life of one journal as a pure function: `advance(saga, message, now) -> (saga, messages)`.

Nothing here waits, sends or looks at a clock. The state says what is open and until when; a step is
named by phase, part and attempt, and an answer counts only if exactly that step is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from journal_contracts import events
from journal_contracts.decisions import Choice, ChosenBy
from journal_contracts.events import AssetsRegistered, StepFailed, StepFinished, Usage
from journal_contracts.message import Message, PublicEvent, StepRef
from orchestrator_service import answers, steps
from orchestrator_service import plan as table
from orchestrator_service.plan import AFTER_FAILURE, NODES, Order, Phase, Question
from orchestrator_service.state import (
    Life,
    Made,
    Part,
    PhaseState,
    QuestionState,
    Request,
    Saga,
    Trouble,
)

RETRIES: Final[Mapping[events.Trouble, int]] = {
    "rate_limit": 8,
    "timeout": 2,
    "invalid_output": 2,
    "infrastructure": 6,
    "fatal": 0,
}
"""How often a step is tried again without asking anyone, by what went wrong."""

REJECTED: Final = "manuscript_below_standard"
"""The trouble of a book that was written again as often as may be."""

PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Begin:
    """The journal was ordered."""

    request: Request


@dataclass(frozen=True)
class Answered:
    """Somebody answered a question; `answers.judge` has found that the answer counts."""

    question: str
    choice: Choice
    by: ChosenBy = "user"


@dataclass(frozen=True)
class DeadlinePassed:
    """The time has come for whatever was due."""


@dataclass(frozen=True)
class Cancel:
    """The user wants no more of it."""


Reply = StepFinished | AssetsRegistered | StepFailed
Happening = Begin | Reply | Answered | DeadlinePassed | Cancel


def advance(saga: Saga, message: Happening, now: datetime) -> tuple[Saga, tuple[Message, ...]]:
    """The journal after `message`, and what is to be said; late and double ones change nothing."""
    turn = _Turn(saga, now)
    if not saga.is_over:
        turn.take(message)
        turn.go_on()
    return turn.saga, tuple(turn.said)


class _Turn:
    """One call of `advance`: the saga as it changes, and the messages as they come up."""

    def __init__(self, saga: Saga, now: datetime) -> None:
        self.saga = saga
        self.now = now
        self.said: list[Message] = []

    def take(self, message: Happening) -> None:
        """Do what the message itself means."""
        match message:
            case Begin() if self.saga.n == 0:
                self._begin()
            case StepFinished() | AssetsRegistered() | StepFailed() if not self._is_open(message):
                pass
            case StepFinished(usage=usage, facts=facts):
                self._count(usage)
                self._learn(message.phase, facts)
                self._finish(message)
            case AssetsRegistered():
                self._finish(message)
            case StepFailed(usage=usage):
                self._count(usage)
                self._fail(message)
            case Answered(question=name, choice=choice, by=by):
                self._close(name, choice, by)
            case DeadlinePassed():
                self._meet_deadlines()
            case Cancel():
                self._end("cancelled")
                self._tell(events.CraftCancelled)

    def go_on(self) -> None:
        """Start what is ready, until nothing is: one node may make the next one ready."""
        while not self.saga.is_over and (name := self._ready()):
            match NODES[name]:
                case Phase() as phase:
                    self._start(name, phase.parts(self.saga.known))
                case Question() as question:
                    self._ask(question)
        if self.saga.is_over:
            return
        if all(state.status == "done" for state in self.saga.phases.values()):
            self._complete_journal()
        elif self._failed_parts() and not self.saga.is_working:
            self._ask_after_failure()

    # --- what messages mean ---------------------------------------------------------------------

    def _begin(self) -> None:
        request = self.saga.request
        nodes = table.nodes_of(request.plan)
        phases = {n: PhaseState() for n, node in nodes.items() if isinstance(node, Phase)}
        questions = {n: QuestionState() for n, node in nodes.items() if isinstance(node, Question)}
        self.saga = replace(self.saga, phases=phases, questions=questions)
        self._tell(
            events.CraftStarted, theme=request.theme, plan=request.plan, phases=tuple(phases)
        )

    def _finish(self, step: StepRef) -> None:
        self._set_part(step, state="done", made=step.attempt, due=None)
        parts = self.saga.phases[step.phase].parts
        finished = sum(part.state == "done" for part in parts.values())
        self._measure()
        if finished == len(parts):
            self._complete_phase(step.phase)
        else:
            self._tell_of(
                events.PhaseAdvanced, step.phase, part=step.part, done=finished, parts=len(parts)
            )

    def _fail(self, failure: StepFailed) -> None:
        """Try the step again a little later; when that was done often enough, leave it failed."""
        part = self.saga.phases[failure.phase].parts[failure.part]
        again = part.tries < RETRIES[failure.kind]
        if again:
            asked = timedelta(seconds=failure.retry_after) if failure.retry_after else None
            due = self.now + min(asked or PAUSE * 2**part.tries, LONGEST_PAUSE)
            self._set_part(
                failure, state="retry", attempt=part.attempt + 1, tries=part.tries + 1, due=due
            )
        else:
            self._set_part(failure, state="failed", due=None)
            trouble = Trouble(failure.code, failure.detail, failure.phase)
            self.saga = replace(self.saga, trouble=trouble)
        self._tell_of_failure(failure.phase, failure.part, failure.code, failure.detail, again)

    def _close(self, name: str, choice: Choice, by: ChosenBy) -> None:
        state = self.saga.questions[name]
        made = (*state.made, Made(state.rev, choice, by, self.now))
        self._set_question(name, replace(state, status="closed", due=None, made=made))
        self._tell(
            events.DecisionClosed, decision_id=name, rev=state.rev, choice=choice, chosen_by=by
        )
        if name == AFTER_FAILURE.name:
            self._after_failure(choice)
        elif target := answers.question(name).back.get(choice.option):
            self._send_back_to(target)

    def _meet_deadlines(self) -> None:
        """Take the defaults, send the retries, give up on answers that never came."""
        for name, state in self.saga.questions.items():
            if state.status == "open" and state.due and state.due <= self.now:
                choice = Choice(option=answers.default(self.saga, name))
                self._close(name, choice, "default")
        for phase, name, part in self._parts():
            if not part.due or part.due > self.now:
                continue
            if part.state == "retry":
                self._send(phase, name)
            else:
                self._fail(
                    StepFailed(
                        **self._step(phase, name).model_dump(),
                        kind="timeout",
                        code="step_timed_out",
                        detail="No answer came in time.",
                    )
                )

    def _after_failure(self, choice: Choice) -> None:
        if choice.option == "give_up":
            trouble = self.saga.trouble or Trouble("unknown", "", "")
            self._end("failed")
            self._tell(events.CraftFailed, code=trouble.code, detail=trouble.detail)
            return
        rejected = self.saga.trouble is not None and self.saga.trouble.code == REJECTED
        self.saga = replace(self.saga, trouble=None)
        for phase, name, part in self._failed_parts():
            if phase == "proof" and rejected:
                self._write_again()
            else:
                self._set_part(self._step(phase, name), attempt=part.attempt + 1, tries=0)
                self._send(phase, name)

    def _end(self, status: Life) -> None:
        """Nothing is due any more; what is made stays."""
        for phase, name, _ in self._parts():
            self._set_part(self._step(phase, name), due=None)
        for name, state in self.saga.questions.items():
            self._set_question(name, replace(state, due=None))
        self.saga = replace(self.saga, status=status)

    # --- how it goes on -------------------------------------------------------------------------

    def _ready(self) -> str | None:
        plan = self.saga.request.plan
        for name in table.nodes_of(plan):
            if self._status(name) == "waiting" and all(
                self._status(need) in ("done", "closed") for need in table.needs_of(plan, name)
            ):
                return name
        return None

    def _status(self, name: str) -> str:
        phase = self.saga.phases.get(name)
        return phase.status if phase else self.saga.questions[name].status

    def _start(self, name: str, orders: Mapping[str, Order]) -> None:
        """Open every part; a part of an earlier round goes on with its next attempt."""
        state = self.saga.phases[name]
        parts = {part: self._opened(state.parts.get(part), state.round) for part in orders}
        self._run(name, parts, tuple(orders))

    def _start_more(self, name: str, orders: Mapping[str, Order]) -> None:
        """Open new parts beside those that stay done."""
        state = self.saga.phases[name]
        parts = {
            part: replace(self._opened(None, state.round), order=order)
            for part, order in orders.items()
        }
        self._run(name, {**state.parts, **parts}, tuple(orders))

    def _opened(self, before: Part | None, round_: int) -> Part:
        if before is None:
            return Part("open", round=round_)
        return replace(before, state="open", attempt=before.attempt + 1, tries=0, round=round_)

    def _run(self, name: str, parts: Mapping[str, Part], opened: tuple[str, ...]) -> None:
        state = self.saga.phases[name]
        self._set_phase(name, replace(state, status="running", parts=parts, began=self.now))
        self._tell_of(events.PhaseStarted, name, parts=len(opened), round=state.round)
        for part in opened:
            self._send(name, part)
        if not opened:
            self._complete_phase(name)

    def _send(self, phase: str, part: str) -> None:
        """Give an open step to its worker."""
        due = self.now + _patience(self.saga.request.step_seconds, steps.phase_of(phase))
        self._set_part(self._step(phase, part), state="open", due=due)
        self.said.append(steps.command(self.saga, phase, part))

    def _complete_phase(self, name: str) -> None:
        state = self.saga.phases[name]
        seconds = (self.now - (state.began or self.now)).total_seconds()
        self._set_phase(name, replace(state, status="done", seconds=seconds))
        self._measure()
        self._tell_of(events.PhaseCompleted, name, seconds=seconds)
        if name == "proof" and self.saga.facts["proof"]["again"]:
            if self.saga.phases["curation"].round < table.PROOF_ROUNDS:
                self._write_again()
            else:
                self._reject()

    def _write_again(self) -> None:
        """The join found days that fail: only these are written again, then the book is joined."""
        orders = self.saga.facts["proof"]["again"]
        self._send_back_to("curation")
        round_ = self.saga.phases["curation"].round
        self._start_more("curation", {f"{o['part']}-again-{round_}": o for o in orders})

    def _reject(self) -> None:
        """The book was written again often enough: now its user decides."""
        state = self.saga.phases["proof"]
        self._set_phase("proof", replace(state, status="running"))
        self._set_part(self._step("proof", ""), state="failed")
        detail = str(self.saga.facts["proof"]["again"][0]["notes"])
        trouble = Trouble(REJECTED, detail[:500], "proof")
        self.saga = replace(self.saga, trouble=trouble)
        self._tell_of_failure("proof", "", trouble.code, trouble.detail, retrying=False)

    def _send_back_to(self, name: str) -> None:
        """A phase gets a new round, and all that rests on it waits for that."""
        for other in (name, *table.after(self.saga.request.plan, name)):
            if other in self.saga.phases:
                self._set_phase(other, replace(self.saga.phases[other], status="waiting"))
            else:
                asked = self.saga.questions[other]
                self._set_question(other, replace(asked, status="waiting", due=None))
        state = self.saga.phases[name]
        self._set_phase(name, replace(state, round=state.round + 1))

    def _ask(self, question: Question) -> None:
        """Open a question, unless the request or the plan has answered it already."""
        name, plan = question.name, self.saga.request.plan
        in_advance = self.saga.request.answers.get(name)
        rev = self._open(question)
        if rev == 1 and in_advance and answers.fits(self.saga, name, in_advance):
            self._close(name, in_advance, "request")
        elif self.saga.request.unattended:
            self._close(name, Choice(option=answers.default(self.saga, name)), "default")
        elif name not in table.PLANS[plan].asks:
            self._close(name, Choice(option=answers.default(self.saga, name)), "plan")
        else:
            view = answers.view(self.saga, name, self.saga.questions[name])
            self._tell(events.DecisionRequested, decision=view)

    def _ask_after_failure(self) -> None:
        name = AFTER_FAILURE.name
        state = self.saga.questions.get(name)
        if state is None or state.status == "closed":
            self._open(AFTER_FAILURE)
            view = answers.view(self.saga, name, self.saga.questions[name])
            self._tell(events.DecisionRequested, decision=view)

    def _open(self, question: Question) -> int:
        """Open the next revision of a question and return its number."""
        state = self.saga.questions.get(question.name, QuestionState())
        due = self.now + _patience(self.saga.request.decision_seconds, question)
        opened = replace(state, status="open", rev=state.rev + 1, due=due)
        self._set_question(question.name, opened)
        return opened.rev

    def _complete_journal(self) -> None:
        title = steps.title(self.saga)
        self._end("completed")
        self.saga = replace(self.saga, percent=100)
        self._tell(events.CraftCompleted, title=title.text if title else self.saga.request.theme)

    # --- small things ---------------------------------------------------------------------------

    def _tell(self, event: type[PublicEvent], **fields: Any) -> None:
        """Say a public event, with the next `n`."""
        self.saga = saga = replace(self.saga, n=self.saga.n + 1)
        about = {"journal_id": saga.id, "user_id": saga.user_id, "n": saga.n, "at": self.now}
        self.said.append(event(**about, percent=saga.percent, **fields))

    def _tell_of(self, event: type[PublicEvent], phase: str, **fields: Any) -> None:
        self._tell(event, phase=phase, agent=steps.phase_of(phase).agent, **fields)

    def _tell_of_failure(
        self, phase: str, part: str, code: str, detail: str, retrying: bool
    ) -> None:
        self._tell_of(
            events.PhaseFailed,
            phase,
            part=part,
            attempt=self.saga.phases[phase].parts[part].attempt,
            code=code,
            detail=detail,
            retrying=retrying,
        )

    def _count(self, usage: Usage) -> None:
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

    def _learn(self, phase: str, facts: Mapping[str, Any]) -> None:
        """Keep the facts of a phase; those of a new round take the place of the old."""
        if facts or phase in self.saga.facts:
            self.saga = replace(self.saga, facts={**self.saga.facts, phase: facts})

    def _measure(self) -> None:
        """The share of the work that is done, by weight; doing something again takes none back."""
        total = done = 0.0
        for name, state in self.saga.phases.items():
            weight = steps.phase_of(name).weight
            finished = sum(part.state == "done" for part in state.parts.values())
            share = finished / len(state.parts) if state.parts else float(state.status == "done")
            total, done = total + weight, done + weight * share
        self.saga = replace(self.saga, percent=max(self.saga.percent, int(99 * done / total)))

    def _is_open(self, step: StepRef) -> bool:
        """The fence: is exactly this step, in exactly this attempt, what the journal waits for?"""
        state = self.saga.phases.get(step.phase)
        part = state.parts.get(step.part) if state and state.status == "running" else None
        return part is not None and (part.state, part.attempt) == ("open", step.attempt)

    def _parts(self) -> list[tuple[str, str, Part]]:
        phases = self.saga.phases.items()
        return [(phase, name, p) for phase, state in phases for name, p in state.parts.items()]

    def _failed_parts(self) -> list[tuple[str, str, Part]]:
        return [row for row in self._parts() if row[2].state == "failed"]

    def _step(self, phase: str, part: str) -> StepRef:
        attempt = self.saga.phases[phase].parts[part].attempt
        return StepRef(
            journal_id=self.saga.id,
            user_id=self.saga.user_id,
            phase=phase,
            part=part,
            attempt=attempt,
        )

    def _set_part(self, step: StepRef, **changes: Any) -> None:
        state = self.saga.phases[step.phase]
        part = replace(state.parts[step.part], **changes)
        self._set_phase(step.phase, replace(state, parts={**state.parts, step.part: part}))

    def _set_phase(self, name: str, state: PhaseState) -> None:
        self.saga = replace(self.saga, phases={**self.saga.phases, name: state})

    def _set_question(self, name: str, state: QuestionState) -> None:
        self.saga = replace(self.saga, questions={**self.saga.questions, name: state})


def _patience(seconds: float | None, node: table.Node) -> timedelta:
    return node.patience if seconds is None else timedelta(seconds=seconds)
