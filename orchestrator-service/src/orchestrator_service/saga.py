"""The life of one journal as a pure function: `advance(saga, message, now) -> (saga, messages)`.

Nothing here waits, sends or looks at a clock. The state says what is open and until when; a step is
named by phase, part and attempt, and an answer counts only if exactly that step is open. A turn is
built in layers, each a file: `draft` changes things, `crafting` moves phases, `asking` questions,
`hearing` takes the answers of workers, and here is what people and clocks do to the whole.
"""

from datetime import datetime
from typing import assert_never

from journal_contracts import events
from journal_contracts.decisions import Choice
from journal_contracts.events import AssetsRegistered, AssetsWithdrawn, StepFailed, StepFinished
from journal_contracts.message import Message
from orchestrator_service import answers
from orchestrator_service.happenings import (
    Answered,
    Begin,
    Cancel,
    DeadlinePassed,
    Extended,
    HandedOver,
    Happening,
    Migrate,
    Pause,
    Poisoned,
    Resume,
    Retry,
    Shared,
)
from orchestrator_service.hearing import Hearing
from orchestrator_service.migration import moved
from orchestrator_service.questions import AFTER_FAILURE
from orchestrator_service.state import PhaseState, QuestionState, Saga, Trouble, changed
from orchestrator_service.table import Phase, Question


def advance(saga: Saga, message: Happening, now: datetime) -> tuple[Saga, tuple[Message, ...]]:
    """The journal after `message`, and what is to be said; late and double ones change nothing."""
    turn = _Turn(saga, now)
    if not saga.is_over or isinstance(message, Retry | Migrate | Shared):
        turn.take(message)
        turn.go_on()
    return turn.saga, tuple(turn.said)


class _Turn(Hearing):
    """One call of `advance`."""

    def take(self, message: Happening) -> None:  # noqa: PLR0912 - a case for all that can happen
        """Do what the message itself means."""
        match message:
            case Begin():
                if self.saga.n == 0:
                    self._begin()
            case StepFinished() | AssetsRegistered() | AssetsWithdrawn() | StepFailed():
                if self.is_open(message):
                    self.hear(message)
            case Answered(question=name, choice=choice, by=by):
                if self.is_asked(name):
                    self.close(name, choice, by)
            case DeadlinePassed():
                self._meet_deadlines(message)
            case Extended(question=name, until=until):
                if self.is_asked(name):
                    self.extend(name, until)
            case HandedOver(question=name, to=to):
                if self.is_asked(name):
                    self.hand_over(name, to)
            case Shared(members=members):
                self.share(members)
            case Pause(until=until):
                self._pause(until)
            case Resume():
                if self.saga.paused_until:
                    self._resume()
            case Cancel():
                self.end("cancelled")
                self.tell(events.CraftCancelled)
            case Retry():
                self._retry(message)
            case Poisoned(detail=detail):
                self.give_up(Trouble("cannot_go_on", detail, ""))
            case Migrate(to=version):
                self._migrate(version)
            case _:
                assert_never(message)

    def go_on(self) -> None:
        """Start what is ready, until nothing is: one node may make the next one ready."""
        while not self.saga.is_over and (node := self.ready()):
            match node:
                case Phase():
                    self.start(node.name, node.parts(self.saga.known))
                case Question():
                    self.ask(node)
        if self.saga.is_over or self.saga.is_held:
            return
        if all(state.status == "done" for state in self.saga.phases.values()):
            self.complete_journal()
        elif self.has_failed() and not self.saga.is_working:
            self.ask_after_failure()

    def _begin(self) -> None:
        request = self.saga.request
        nodes = self.graph.nodes
        phases = {n: PhaseState() for n, node in nodes.items() if isinstance(node, Phase)}
        questions = {n: QuestionState() for n, node in nodes.items() if isinstance(node, Question)}
        self.saga = changed(self.saga, phases=phases, questions=questions)
        self.tell(
            events.CraftStarted,
            theme=request.theme,
            plan=request.plan,
            phases=tuple(phases),
            documents=request.documents,
        )

    def _meet_deadlines(self, passed: DeadlinePassed) -> None:
        """Take the defaults, send the retries, give up on answers that never came."""
        if self.saga.paused_until:
            if self.saga.paused_until <= self.now:
                self._resume()
            return
        for name, state in self.saga.questions.items():
            if state.status == "open" and state.due and state.due <= self.now:
                choice = Choice(option=answers.default(self.saga, name))
                self.close(name, choice, "default")
                if self.saga.is_over:
                    return
        for phase, name, part in self.parts():
            if not part.due or part.due > self.now:
                continue
            if part.state == "open":
                self.miss(phase, name, passed)
            elif not self.saga.is_held:
                self.send(phase, (name,))

    def _pause(self, until: datetime) -> None:
        began = self.saga.paused_at or self.now
        self.saga = changed(self.saga, paused_at=began, paused_until=until)
        self.tell(events.CraftPaused, until=until)

    def _resume(self) -> None:
        """Open questions have as much time left as they had."""
        stood_still = self.now - (self.saga.paused_at or self.now)
        self.saga = changed(self.saga, paused_at=None, paused_until=None)
        for name, state in self.saga.questions.items():
            if state.due:
                self.set_question(name, changed(state, due=state.due + stood_still))
        self.tell(events.CraftResumed)

    def _migrate(self, version: int) -> None:
        """Where the new table lacks what had failed, there is nothing to ask about any more."""
        self.saga = moved(self.saga, version, self.now)
        asked = self.saga.questions.get(AFTER_FAILURE.name)
        if not self.saga.is_over and asked and asked.status == "open" and not self.has_failed():
            self.saga = changed(self.saga, trouble=None)
            self.keep_answer(AFTER_FAILURE.name, Choice(option="retry"), "plan")

    def _retry(self, again: Retry) -> None:
        """Go on after an end or a failure, with what is to be different."""
        request, given = self.saga.request, again
        self.saga = changed(
            self.saga,
            status="running",
            percent=0,
            prepared={**self.saga.prepared, **given.choices},
            request=changed(
                request,
                title_style=given.title_style or request.title_style,
                depth=given.depth or request.depth,
                audience=request.audience if given.audience is None else given.audience,
            ),
        )
        asked = self.saga.questions.get(AFTER_FAILURE.name)
        if asked and asked.status == "open":
            self.keep_answer(AFTER_FAILURE.name, Choice(option="retry"), "user")
        if again.phase is not None:
            self.start_over_at(again.phase)
        self.measure()
        self.tell(events.CraftRetried, phase=again.phase)
        self.reopen()
