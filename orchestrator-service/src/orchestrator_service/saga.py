"""The life of one journal as a pure function: `advance(saga, message, now) -> (saga, messages)`.

Nothing here waits, sends or looks at a clock. The state says what is open and until when; a step is
named by phase, part and attempt, and an answer counts only if exactly that step is open.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final, assert_never
from uuid import UUID

from journal_contracts import events
from journal_contracts.decisions import Choice, ChosenBy
from journal_contracts.events import AssetsRegistered, AssetsWithdrawn, StepFailed, StepFinished
from journal_contracts.message import Message, StepRef
from orchestrator_service import answers, steps
from orchestrator_service.draft import Draft
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
)
from orchestrator_service.migration import moved
from orchestrator_service.plan import AFTER_FAILURE, OVER_BUDGET
from orchestrator_service.state import (
    UNDO,
    Life,
    Made,
    Part,
    PhaseState,
    QuestionState,
    Saga,
    Trouble,
    changed,
)
from orchestrator_service.table import Node, Order, Phase, Question

RETRIES: Final[Mapping[events.Trouble, int]] = {
    "rate_limit": 8,
    "timeout": 2,
    "invalid_output": 2,
    "infrastructure": 6,
    "fatal": 0,
}
"""How often a step is tried again without asking anyone, by what went wrong."""

REJECTED: Final = "manuscript_below_standard"
"""The trouble of a book that was done again as often as may be, and is not good enough yet."""

FINAL: Final = frozenset({"theme_refused"})
"""Troubles that no further attempt can mend: there is nothing to ask."""

OVER_ALLOWANCE: Final = "over_allowance"
"""The trouble of a step that would cost more than is left: no failure, but a question."""
CHEAPER: Final = "cheaper"
MILL: Final = Decimal("0.000001")
"""What the ledger counts in, US dollars."""

PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(minutes=2)


def advance(saga: Saga, message: Happening, now: datetime) -> tuple[Saga, tuple[Message, ...]]:
    """The journal after `message`, and what is to be said; late and double ones change nothing."""
    turn = _Turn(saga, now)
    if not saga.is_over or isinstance(message, Retry | Migrate):
        turn.take(message)
        turn.go_on()
    return turn.saga, tuple(turn.said)


class _Turn(Draft):
    """One call of `advance`."""

    def take(self, message: Happening) -> None:  # noqa: PLR0912 - a case for all that can happen
        """Do what the message itself means."""
        match message:
            case Begin():
                if self.saga.n == 0:
                    self._begin()
            case StepFinished() | AssetsRegistered() | AssetsWithdrawn() | StepFailed():
                if self.is_open(message):
                    self._hear(message)
            case Answered(question=name, choice=choice, by=by):
                if self._is_asked(name):
                    self._close(name, choice, by)
            case DeadlinePassed():
                self._meet_deadlines(message)
            case Extended(question=name, until=until):
                if self._is_asked(name):
                    self._extend(name, until)
            case HandedOver(question=name, to=to):
                if self._is_asked(name):
                    self._hand_over(name, to)
            case Pause(until=until):
                self._pause(until)
            case Resume():
                if self.saga.paused_until:
                    self._resume()
            case Cancel():
                self._end("cancelled")
                self.tell(events.CraftCancelled)
            case Retry():
                self._retry(message)
            case Poisoned(detail=detail):
                self._give_up(Trouble("cannot_go_on", detail, ""))
            case Migrate(to=version):
                self._migrate(version)
            case _:
                assert_never(message)

    def go_on(self) -> None:
        """Start what is ready, until nothing is: one node may make the next one ready."""
        while not self.saga.is_over and (node := self._ready()):
            match node:
                case Phase():
                    self._start(node.name, node.parts(self.saga.known))
                case Question():
                    self._ask(node)
        if self.saga.is_over or self.saga.is_held:
            return
        if all(state.status == "done" for state in self.saga.phases.values()):
            self._complete_journal()
        elif self._has_failed() and not self.saga.is_working:
            self._ask_after_failure()

    # --- what workers answer --------------------------------------------------------------------

    def _begin(self) -> None:
        request = self.saga.request
        nodes = self.graph.nodes
        phases = {n: PhaseState() for n, node in nodes.items() if isinstance(node, Phase)}
        questions = {n: QuestionState() for n, node in nodes.items() if isinstance(node, Question)}
        self.saga = changed(self.saga, phases=phases, questions=questions)
        self.tell(events.CraftStarted, theme=request.theme, plan=request.plan, phases=tuple(phases))

    def _hear(self, answer: StepFinished | AssetsRegistered | AssetsWithdrawn | StepFailed) -> None:
        match answer:
            case StepFailed(usage=usage):
                self.count(usage)
                self._fail(answer)
            case StepFinished(usage=usage, facts=facts):
                self.count(usage)
                self.learn(answer.phase, facts)
                self._finish(answer)
            case _:
                self._finish(answer)
        self._watch_budget()

    def _finish(self, step: StepRef) -> None:
        made = step.attempt
        self.set_part(step.phase, step.part, state="done", made=made, due=None, promised=None)
        if step.part == UNDO:
            self._wait_again(step.phase)
            return
        done, parts = self.saga.phases[step.phase].progress
        self.measure()
        if done == parts:
            self._complete_phase(step.phase)
        else:
            self.tell_of(events.PhaseAdvanced, step.phase, part=step.part, done=done, parts=parts)

    def _fail(self, failure: StepFailed) -> None:
        """Try the step again a little later; when that was done often enough, leave it failed."""
        phase, name = failure.phase, failure.part
        part = self.saga.phases[phase].parts[name]
        if failure.code == OVER_ALLOWANCE:
            self._renew(phase, name, anew=False)
            self.set_part(phase, name, state="retry", due=self.now)
            self._ask_for_more()
            return
        if failure.code in FINAL:
            self._give_up(Trouble(failure.code, failure.detail, phase))
            return
        again = part.tries < RETRIES[failure.kind]
        if again:
            asked = timedelta(seconds=failure.retry_after) if failure.retry_after else None
            due = self.now + min(asked or PAUSE * 2**part.tries, LONGEST_PAUSE)
            self.set_part(phase, name, state="retry", tries=part.tries + 1, due=due)
            self._renew(phase, name, anew=failure.kind == "invalid_output")
        else:
            self.set_part(phase, name, state="failed", due=None)
            self._trouble(Trouble(failure.code, failure.detail, phase))
        self.tell_of_failure(phase, name, failure.code, failure.detail, again)

    def _watch_budget(self) -> None:
        """A journal that has cost what it may is held, and its user is asked."""
        cost, allowance = self.saga.usage.cost, self.saga.allowance
        if cost is None or allowance is None or cost <= allowance or self.saga.is_over_budget:
            return
        if all(state.status == "done" for state in self.saga.phases.values()):
            return
        self._ask_for_more()

    def _ask_for_more(self) -> None:
        if not self.saga.is_over_budget:
            self._ask_unforeseen(OVER_BUDGET)

    # --- what people and clocks do --------------------------------------------------------------

    def _close(self, name: str, choice: Choice, by: ChosenBy) -> None:
        self._keep_answer(name, choice, by)
        if name == AFTER_FAILURE.name:
            self._after_failure(choice)
        elif name == OVER_BUDGET.name:
            self._over_budget(choice)
        elif target := answers.question(self.saga, name).back.get(choice.option):
            asked = self.saga.questions[name]
            self.set_question(name, changed(asked, wishes=asked.wishes + 1))
            self._start_over_at(target)

    def _over_budget(self, choice: Choice) -> None:
        match choice.option:
            case "stop":
                spent = "The journal cost what it was allowed to."
                self._give_up(Trouble("over_budget", spent, ""))
            case "cheaper":
                self.saga = changed(self.saga, request=changed(self.saga.request, models=CHEAPER))

    def _keep_answer(self, name: str, choice: Choice, by: ChosenBy) -> None:
        state = self.saga.questions[name]
        label = answers.label(self.saga, name, choice)
        made = (*state.made, Made(state.rev, choice, by, self.now, label))
        closed = changed(state, status="closed", due=None, made=made, also=None)
        self.set_question(name, closed)
        self.tell(
            events.DecisionClosed,
            decision_id=name,
            rev=state.rev,
            choice=choice,
            chosen_by=by,
            label=label,
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
                self._close(name, choice, "default")
                if self.saga.is_over:
                    return
        for phase, name, part in self.parts():
            if not part.due or part.due > self.now:
                continue
            if part.state == "open":
                self._miss(phase, name, passed)
            elif not self.saga.is_held:
                self._send(phase, (name,))

    def _miss(self, phase: str, name: str, passed: DeadlinePassed) -> None:
        """No answer in time; the time counts from when the command was with the broker."""
        step = self.step(phase, name)
        patience = self._patience(self.saga.definition.phase(phase))
        key = f"{phase}/{name}/{step.attempt}"
        if key in passed.sent:
            due = (passed.sent[key] or self.now) + patience
            if due > self.now:
                self.set_part(phase, name, due=due)
                return
        self._fail(
            StepFailed(
                **step.model_dump(),
                kind="timeout",
                code="step_timed_out",
                detail="No answer came in time.",
            )
        )

    def _extend(self, name: str, until: datetime) -> None:
        state = self.saga.questions[name]
        self.set_question(name, changed(state, due=until))
        self.tell(events.DecisionExtended, decision_id=name, rev=state.rev, deadline=until)

    def _hand_over(self, name: str, to: UUID) -> None:
        state = self.saga.questions[name]
        self.set_question(name, changed(state, also=to))
        self.tell(events.DecisionHandedOver, decision_id=name, rev=state.rev, to=to)

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
        if not self.saga.is_over and asked and asked.status == "open" and not self._has_failed():
            self.saga = changed(self.saga, trouble=None)
            self._keep_answer(AFTER_FAILURE.name, Choice(option="retry"), "plan")

    def _after_failure(self, choice: Choice) -> None:
        if choice.option == "give_up":
            self._give_up(self.saga.trouble or Trouble("unknown", "", ""))
        else:
            self._reopen()

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
            self._keep_answer(AFTER_FAILURE.name, Choice(option="retry"), "user")
        if again.phase is not None:
            self._start_over_at(again.phase)
        self.measure()
        self.tell(events.CraftRetried, phase=again.phase)
        self._reopen()

    def _reopen(self) -> None:
        """Whatever failed or was open when the journal ended is done again; the rest stays."""
        trouble = self.saga.trouble
        rejected = trouble.phase if trouble and trouble.code == REJECTED else None
        self.saga = changed(self.saga, trouble=None)
        for phase, name, part in self.parts():
            if not self.saga.phases[phase].is_at_work or part.due or part.state == "done":
                continue
            if phase == rejected:
                self._order_again(self.saga.definition.phase(phase))
            elif part.state != "dropped":
                self._renew(phase, name, anew=part.state == "failed")
                self.set_part(phase, name, tries=0)
                self._send(phase, (name,))
        for name, question in self.saga.questions.items():
            if question.status == "open" and question.due is None:
                self.set_question(name, changed(question, status="waiting"))

    def _give_up(self, trouble: Trouble) -> None:
        self._trouble(trouble)
        self._end("failed")
        self.tell(events.CraftFailed, code=trouble.code, detail=trouble.detail)

    def _end(self, status: Life) -> None:
        """Nothing is due any more; what is made stays."""
        for phase, name, _ in self.parts():
            self.set_part(phase, name, due=None)
        for name, state in self.saga.questions.items():
            self.set_question(name, changed(state, due=None))
        self.saga = changed(self.saga, status=status, paused_at=None, paused_until=None)

    # --- how it goes on -------------------------------------------------------------------------

    def _ready(self) -> Node | None:
        """The next node that nothing keeps from beginning."""
        if self.saga.is_held or self._undoes():
            return None
        for name, node in self.graph.nodes.items():
            if self.status(name) == "waiting" and all(
                self.status(need) in ("done", "closed") for need in self.graph.needs[name]
            ):
                return node
        return None

    def _undoes(self) -> bool:
        """Take effects back one by one, the last first; whether any is left."""
        phases = self.saga.phases
        left = {name for name, state in phases.items() if state.status in ("undo", "undoing")}
        if not left:
            return False
        name = [name for name in self.graph.nodes if name in left][-1]
        if (state := phases[name]).status == "undo":
            part = self._opened(state.parts.get(UNDO), state.round)
            parts = {**state.parts, UNDO: part}
            self.set_phase(name, changed(state, status="undoing", parts=parts))
            self._send(name, (UNDO,))
        return True

    def _wait_again(self, name: str) -> None:
        self.set_phase(name, changed(self.saga.phases[name], status="waiting"))

    def _start(self, name: str, orders: Mapping[str, Order]) -> None:
        """Open every part; a part of an earlier round goes on with its next attempt."""
        state = self.saga.phases[name]
        parts = {n: p if n == UNDO else changed(p, state="dropped") for n, p in state.parts.items()}
        parts |= {part: self._opened(state.parts.get(part), state.round) for part in orders}
        self._run(name, parts, tuple(orders))

    def _start_more(self, name: str, orders: Mapping[str, Order]) -> None:
        """Open new parts beside those that stay done."""
        state = self.saga.phases[name]
        parts = {
            part: changed(self._opened(None, state.round), order=order)
            for part, order in orders.items()
        }
        self._run(name, {**state.parts, **parts}, tuple(orders))

    def _opened(self, before: Part | None, round_: int) -> Part:
        if before is None:
            return Part("open", round=round_)
        return changed(
            before, state="open", attempt=before.attempt + 1, tries=0, round=round_, promised=None
        )

    def _renew(self, phase: str, name: str, anew: bool) -> None:
        """The next attempt; `anew`: what models replied before is not to be used again."""
        part = self.saga.phases[phase].parts[name]
        self.set_part(phase, name, attempt=part.attempt + 1, round=part.round + anew)

    def _run(self, name: str, parts: Mapping[str, Part], opened: tuple[str, ...]) -> None:
        state = self.saga.phases[name]
        self.set_phase(name, changed(state, status="running", parts=parts, began=self.now))
        self.tell_of(events.PhaseStarted, name, parts=len(opened), round=state.round)
        self._send(name, opened)
        if not opened:
            self._complete_phase(name)

    def _send(self, phase: str, names: tuple[str, ...]) -> None:
        """Give open steps of a phase to its workers; a held journal's, once it goes on."""
        state = self.saga.phases[phase]
        if self.saga.is_held:
            later = {n: changed(state.parts[n], state="retry", due=self.now) for n in names}
            self.set_phase(phase, changed(state, parts={**state.parts, **later}))
            return
        now_open = {
            "state": "open",
            "due": self.now + self._patience(self.saga.definition.phase(phase)),
            "promised": self._promise(len(names)),
        }
        opened = {name: changed(state.parts[name], **now_open) for name in names}
        self.set_phase(phase, changed(state, parts={**state.parts, **opened}))
        self.said += steps.commands(self.saga, phase, names)

    def _promise(self, steps: int) -> Decimal | None:
        """What each of these may cost: half of what is left is theirs, half for who comes next."""
        left = self.saga.unpromised
        if left is None or not steps:
            return None
        return (left / 2 / steps).quantize(MILL, ROUND_DOWN)

    def _complete_phase(self, name: str) -> None:
        state = self.saga.phases[name]
        seconds = (self.now - (state.began or self.now)).total_seconds()
        self.set_phase(name, changed(state, status="done", seconds=seconds))
        self.measure()
        self.tell_of(events.PhaseCompleted, name, seconds=seconds)
        judge = self.saga.definition.phase(name)
        if judge.judges and self._ordered_again(name):
            if state.judged < judge.rounds:
                self._order_again(judge)
            elif judge.insists:
                self._reject(name)

    def _ordered_again(self, judge: str) -> Sequence[Order]:
        """The parts that the phase found wanting."""
        orders: Sequence[Order] = self.saga.facts.get(judge, {}).get("again", ())
        return orders

    def _order_again(self, judge: Phase) -> None:
        """Only what was found wanting is done again; then what rests on it is."""
        assert judge.judges is not None  # noqa: S101 - whoever asks knows it is one
        orders = self._ordered_again(judge.name)
        state = self.saga.phases[judge.name]
        self.set_phase(judge.name, changed(state, judged=state.judged + 1))
        self._send_back_to(judge.judges)
        round_ = self.saga.phases[judge.judges].round
        self._start_more(judge.judges, {f"{o['part']}-again-{round_}": o for o in orders})

    def _reject(self, name: str) -> None:
        """It was done again often enough: now the user decides."""
        self.set_phase(name, changed(self.saga.phases[name], status="running"))
        self.set_part(name, "", state="failed")
        detail = str(self._ordered_again(name)[0]["notes"])
        self._trouble(Trouble(REJECTED, detail[:500], name))
        self.tell_of_failure(name, "", REJECTED, detail[:500], retrying=False)

    def _start_over_at(self, name: str) -> None:
        """The user wants it anew: whoever judges what comes of it has all its rounds again."""
        for other in (name, *self.graph.after[name]):
            if other in self.saga.phases:
                self.set_phase(other, changed(self.saga.phases[other], judged=0))
        self._send_back_to(name)

    def _send_back_to(self, name: str) -> None:
        """A phase gets a new round; all that rests on it waits for that, its effects undone."""
        for other in (name, *self.graph.after[name]):
            if other in self.saga.phases:
                self._drop(other)
            else:
                asked = self.saga.questions[other]
                self.set_question(other, changed(asked, status="waiting", due=None))
        state = self.saga.phases[name]
        self.set_phase(name, changed(state, round=state.round + 1))

    def _drop(self, name: str) -> None:
        """Nobody waits any more for what is under way in a phase."""
        state = self.saga.phases[name]
        has_effect = self.saga.definition.phase(name).undo and state.status == "done"
        status = state.status if state.status in ("undo", "undoing") else "waiting"
        parts = {
            part: row
            if part == UNDO or row.state == "done"
            else changed(row, state="dropped", due=None)
            for part, row in state.parts.items()
        }
        self.set_phase(name, changed(state, status="undo" if has_effect else status, parts=parts))

    def _ask(self, question: Question) -> None:
        """Open a question, unless the request or the plan has answered it already."""
        name = question.name
        rev = self._open(question)
        given = self.saga.prepared.get(name)
        if given is None and rev == 1:
            given = self.saga.request.answers.get(name)
        rest = {key: choice for key, choice in self.saga.prepared.items() if key != name}
        self.saga = changed(self.saga, prepared=rest)
        if given and answers.fits(self.saga, name, given):
            self._close(name, given, "request")
        elif self.saga.request.unattended:
            self._close(name, Choice(option=answers.default(self.saga, name)), "default")
        elif name not in self.graph.asks:
            self._close(name, Choice(option=answers.default(self.saga, name)), "plan")
        else:
            self._tell_of_question(name)

    def _ask_after_failure(self) -> None:
        state = self.saga.questions.get(AFTER_FAILURE.name)
        if state is None or state.status == "closed":
            self._ask_unforeseen(AFTER_FAILURE)

    def _ask_unforeseen(self, question: Question) -> None:
        self._open(question)
        self._tell_of_question(question.name)

    def _tell_of_question(self, name: str) -> None:
        view = answers.view(self.saga, name, self.saga.questions[name])
        self.tell(events.DecisionRequested, decision=view)

    def _open(self, question: Question) -> int:
        """Open the next revision of a question and return its number.

        In a pause its time does not run: `_resume` moves it as it moves that of the others.
        """
        state = self.saga.questions.get(question.name, QuestionState())
        due = (self.saga.paused_at or self.now) + self._patience(question)
        opened = changed(state, status="open", rev=state.rev + 1, due=due)
        self.set_question(question.name, opened)
        return opened.rev

    def _complete_journal(self) -> None:
        title = steps.title(self.saga)
        self._end("completed")
        self.saga = changed(self.saga, percent=100)
        self.tell(events.CraftCompleted, title=title.text if title else self.saga.request.theme)

    # --- small things ---------------------------------------------------------------------------

    def _patience(self, node: Node) -> timedelta:
        request = self.saga.request
        set_ = request.step_seconds if isinstance(node, Phase) else request.decision_seconds
        return node.patience if set_ is None else timedelta(seconds=set_)

    def _is_asked(self, name: str) -> bool:
        state = self.saga.questions.get(name)
        return state is not None and state.status == "open"

    def _trouble(self, trouble: Trouble) -> None:
        self.saga = changed(self.saga, trouble=trouble)

    def _has_failed(self) -> bool:
        return any(part.state == "failed" for _, _, part in self.parts())
