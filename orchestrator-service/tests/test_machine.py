"""Anything in any order: a machine that plays the world against the pure core (R3.2b, R3.2c).

Three hundred lives in `make test`, ten thousand in `make deep`, which also looks for the shortest
life that shows what failed: that takes minutes.
"""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, get_args
from unittest import mock
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.instant.tables import with_two_parts

from journal_contracts.decisions import OWN, Choice
from journal_contracts.events import (
    CraftShared,
    CraftUnshared,
    DecisionClosed,
    DecisionRequested,
)
from journal_contracts.message import Message
from journal_contracts.product import PlanName, Share
from orchestrator_service import answers
from orchestrator_service.engine.causes import replayed, written
from orchestrator_service.engine.changes import SAGA
from orchestrator_service.engine.committing import encoded
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
    Reply,
    Resume,
    Retry,
    Shared,
)
from orchestrator_service.hearing import OVER_DAY
from orchestrator_service.plan import DEFINITIONS, FIRST
from orchestrator_service.questions import AFTER_FAILURE, OVER_BUDGET
from orchestrator_service.state import Saga, changed

from .crew import JOURNAL, USER, Journey, Step, billed, failed, finished
from .tables import second

KINDS: Final = ("rate_limit", "timeout", "invalid_output", "infrastructure", "fatal")
LONGEST_LIFE: Final = 600
"""Moves after which a journal that only good things happen to is over."""
TABLES: Final = {1: with_two_parts(FIRST, 1), 2: with_two_parts(second(), 2)}
AGAIN: Final = {"part": "days", "edition": "journal", "days": [3], "notes": ["short"]}
CHOICES: Final[dict[str, st.SearchStrategy[Choice]]] = {
    "title": st.sampled_from((Choice(option="t3"), Choice(option=OWN, text="My title"))),
    "pictures": st.sampled_from((Choice(option="none"), Choice(option="procedural"))),
    "format": st.sampled_from((Choice(option="a4"), Choice(option="a4-plain"))),
}

picks = st.integers(0, 999)
friends = st.sampled_from([UUID(int=n) for n in (7, 8, 9)])
one_in_ten = st.integers(0, 9).map(lambda number: number == 0)
minutes = st.sampled_from((0, 1, 5, 11, 16, 25 * 60))


class Life(RuleBasedStateMachine):
    """One journal, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(mock.patch.dict(DEFINITIONS, TABLES))
        self.journey = Journey.begun(version=1)
        self.history: list[tuple[str, Any, datetime]] = []
        self.replies: list[Reply] = []

    @initialize(
        plan=st.sampled_from(PlanName),
        budget=st.sampled_from((None, None, Decimal(1), Decimal(20))),
        unattended=one_in_ten,
        later=st.integers(0, 60),
    )
    def begin(self, plan: PlanName, budget: Decimal | None, unattended: bool, later: int) -> None:
        """A journal that has come some way already."""
        self.journey = Journey.begun(plan, version=1, budget=budget, unattended=unattended)
        cause, document = written(Begin(self.saga.request))
        self.history = [(cause, json.loads(document), self.journey.now)]
        for _ in range(later):
            self.go_well()

    # --- what workers answer --------------------------------------------------------------------

    @precondition(lambda self: self.journey.commands)
    @rule(pick=picks, dollars=st.sampled_from(("0", "0.40", "3", None)), again=one_in_ten)
    def finish(self, pick: int, dollars: str | None, again: bool) -> None:
        if step := self.take(pick):
            wrong = {"again": [AGAIN]} if again and step.phase == "proof" else {}
            is_paid = step.phase != "delivery"
            self.hear(billed(step, dollars, **wrong) if is_paid else finished(step))

    @precondition(lambda self: self.journey.commands)
    @rule(count=st.integers(2, 12))
    def finish_some(self, count: int) -> None:
        for _ in range(count):
            self.finish(0, "0.01", False)

    @precondition(lambda self: self.journey.commands)
    @rule(pick=picks, kind=st.sampled_from(KINDS))
    def fail(self, pick: int, kind: str) -> None:
        if step := self.take(pick):
            self.hear(failed(step, kind))

    @precondition(lambda self: self.journey.commands)
    @rule(pick=picks)
    def fail_for_good(self, pick: int) -> None:
        self.fail(pick, "fatal")

    @precondition(lambda self: self.journey.commands)
    @rule(pick=picks)
    def find_the_day_spent(self, pick: int) -> None:
        if step := self.take(pick):
            self.hear(failed(step).model_copy(update={"code": OVER_DAY}))

    @precondition(lambda self: self.replies)
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        """An answer comes once more, however old it is."""
        reply = self.replies[pick % len(self.replies)]
        before = self.saga
        assert self.happen(reply) == ()
        assert self.saga == before

    @precondition(lambda self: self.journey.sent)
    @rule(pick=picks)
    def answer_late(self, pick: int) -> None:
        """Any step that was ever given out is answered; it counts only if it is still open."""
        step = self.journey.sent[pick % len(self.journey.sent)]
        was_open = (step.phase, step.part, step.attempt) in set(open_steps(self.saga))
        before = self.saga
        self.hear(finished(step))
        assert (self.saga != before) == was_open

    @precondition(lambda self: self.journey.commands)
    @rule(pick=picks, ahead=st.integers(1, 3), phase=st.sampled_from(("", "nowhere")))
    def answer_falsely(self, pick: int, ahead: int, phase: str) -> None:
        """An answer to a step that never was."""
        step = self.journey.commands[pick % len(self.journey.commands)]
        newest = newest_attempts(self.journey.sent)[step.phase, step.part]
        wrong = {"attempt": newest + ahead, "phase": phase or step.phase}
        before = self.saga
        assert self.happen(finished(step).model_copy(update=wrong)) == ()
        assert self.saga == before

    # --- what people do -------------------------------------------------------------------------

    @precondition(lambda self: self.journey.asked())
    @rule(pick=picks, option=picks)
    def answer(self, pick: int, option: int) -> None:
        asked = answers.open_questions(self.saga)
        view = asked[pick % len(asked)]
        choice = complete(view.options[option % len(view.options)].id)
        self.answer_with(view.id, choice)

    @precondition(lambda self: any(q.made for q in self.saga.questions.values()))
    @rule(pick=picks, option=st.sampled_from(("t1", "s2", "none", "a4", "retry", "more")))
    def answer_again(self, pick: int, option: str) -> None:
        """What is decided stays so, whatever is said of it later."""
        made = [(n, m) for n, q in self.saga.questions.items() for m in q.made if m.rev]
        if made:
            name, decision = made[pick % len(made)]
            choice = complete(option)
            verdict, winner = answers.judge(self.saga, name, decision.rev, choice)
            assert verdict in ("already", "conflict", "expired")
            assert (verdict == "already") == (choice == decision.choice)
            assert winner == decision

    @precondition(lambda self: self.journey.asked())
    @rule(pick=picks, ahead=st.integers(1, 5))
    def answer_the_next_revision(self, pick: int, ahead: int) -> None:
        """Nobody answers what was not asked yet."""
        asked = answers.open_questions(self.saga)
        view = asked[pick % len(asked)]
        choice = Choice(option=view.default)
        assert answers.judge(self.saga, view.id, view.rev + ahead, choice) == ("unknown", None)

    @precondition(lambda self: self.journey.asked())
    @rule(pick=picks, more=st.integers(1, 100))
    def extend(self, pick: int, more: int) -> None:
        asked = answers.open_questions(self.saga)
        view = asked[pick % len(asked)]
        self.happen(Extended(view.id, view.deadline + timedelta(minutes=more)))

    @precondition(lambda self: self.journey.asked())
    @rule(pick=picks)
    def hand_over(self, pick: int) -> None:
        asked = self.journey.asked()
        self.happen(HandedOver(asked[pick % len(asked)], UUID(int=7)))

    @rule(members=st.dictionaries(friends, st.sampled_from(get_args(Share)), max_size=2))
    def share(self, members: dict[UUID, Share]) -> None:
        """Each who comes, changes or goes hears of it; the journal's way is the same."""
        before, told = self.saga, len(self.journey.events)
        self.happen(Shared(members))
        news = self.journey.events[told:]
        changes = [
            member
            for member in before.members.keys() | members.keys()
            if before.members.get(member) != members.get(member)
        ]
        assert sorted(e.member for e in news if isinstance(e, CraftShared | CraftUnshared)) == (
            sorted(changes)
        )
        assert all(e.member in e.also for e in news if isinstance(e, CraftShared | CraftUnshared))
        assert changed(self.saga, n=before.n, members=before.members) == before

    @rule(time=minutes)
    def pause(self, time: int) -> None:
        self.happen(Pause(self.journey.now + timedelta(minutes=time)))

    @precondition(lambda self: self.saga.paused_until)
    @rule()
    def resume(self) -> None:
        self.happen(Resume())

    @rule(really=one_in_ten)
    def cancel(self, really: bool) -> None:
        if really:
            self.happen(Cancel())

    @precondition(lambda self: self.stands_still)
    @rule(pick=picks, choices=st.fixed_dictionaries({}, optional=CHOICES))
    def retry(self, pick: int, choices: dict[str, Choice]) -> None:
        begun = [name for name, phase in self.saga.phases.items() if phase.parts]
        places = begun if self.saga.status == "completed" else [None, *begun]
        phase = places[pick % len(places)]
        coming = {n for n, asked in self.saga.questions.items() if asked.status != "closed"}
        coming |= self.saga.graph.after[phase] if phase else set()
        self.happen(Retry(phase, {n: c for n, c in choices.items() if n in coming}))
        assert self.saga.status in ("running", "completed")

    # --- what clocks and operators do -----------------------------------------------------------

    @rule(time=minutes, knows=st.sampled_from(("nothing", "waiting", "sent")))
    def pass_time(self, time: int, knows: str) -> None:
        """The clock is heard, sometimes too early, with or without what the outbox knows."""
        self.journey.wait(minutes=time)
        since = None if knows == "waiting" else self.journey.now - timedelta(minutes=3)
        keys = (f"{phase}/{part}/{attempt}" for phase, part, attempt in open_steps(self.saga))
        self.happen(DeadlinePassed({} if knows == "nothing" else dict.fromkeys(keys, since)))

    @precondition(lambda self: self.saga.due)
    @rule()
    def meet_the_deadline(self) -> None:
        assert self.saga.due is not None
        self.journey.now = max(self.journey.now, self.saga.due)
        self.happen(DeadlinePassed())

    @precondition(lambda self: self.saga.version == 1)
    @rule()
    def migrate(self) -> None:
        done = {name for name, phase in self.saga.phases.items() if phase.status == "done"}
        said = self.happen(Migrate(2))
        begun = {step.phase for step in said if isinstance(step, Step)}
        assert not begun & done

    @rule(really=one_in_ten)
    def poison(self, really: bool) -> None:
        if really:
            self.happen(Poisoned("ValueError"))

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def it_is_over_or_something_is_due(self) -> None:
        saga = self.saga
        assert saga.is_over == (saga.due is None)
        assert saga.is_over or saga.is_working or self.journey.asked() or saga.paused_until
        if saga.paused_until:
            assert saga.due == saga.paused_until

    @invariant()
    def its_story_has_no_gap(self) -> None:
        events = self.journey.events
        assert events[-1].n == self.saga.n == len(events)
        assert 0 <= self.saga.percent <= 100
        assert 0 <= events[-1].percent <= 100

    @invariant()
    def members_and_nobody_else_are_told(self) -> None:
        last = self.journey.events[-1]
        if not isinstance(last, CraftUnshared):  # who goes is told so, the last time
            assert set(last.also) == set(self.saga.members)

    @invariant()
    def it_survives_storage(self) -> None:
        assert SAGA.validate_json(encoded(self.saga)) == self.saga

    @invariant()
    def open_steps_were_given_out(self) -> None:
        given = {(step.phase, step.part, step.attempt) for step in self.journey.sent}
        assert given.issuperset(open_steps(self.saga))

    @invariant()
    def who_is_asked_about_a_failure_sees_one(self) -> None:
        if AFTER_FAILURE.name in self.journey.asked():
            parts = (p for phase in self.saga.phases.values() for p in phase.parts.values())
            assert any(part.state == "failed" for part in parts)

    @invariant()
    def nothing_ended_with_too_much_spent(self) -> None:
        if self.saga.is_over:
            assert OVER_BUDGET.name not in self.journey.asked()

    def teardown(self) -> None:
        """The history tells how it came to be what it is; and no state is a dead end."""
        with self._stack:
            if not self.history:
                return
            assert replayed(JOURNAL, USER, self.history) == self.saga
            self.no_revision_closed_twice()
            if self.stands_still:
                begun = next(iter(self.saga.phases))
                self.happen(Retry(begun if self.saga.status == "completed" else None))
            self.happen(Resume())
            for _ in range(LONGEST_LIFE):
                self.go_well()
            assert self.saga.status == "completed"

    def no_revision_closed_twice(self) -> None:
        events = self.journey.events
        asked = [
            (e.decision.id, e.decision.rev) for e in events if isinstance(e, DecisionRequested)
        ]
        closed = [(e.decision_id, e.rev) for e in events if isinstance(e, DecisionClosed)]
        assert set(Counter(asked).values()) | set(Counter(closed).values()) <= {1}

    # --- how it is done -------------------------------------------------------------------------

    @property
    def saga(self) -> Saga:
        return self.journey.saga

    @property
    def stands_still(self) -> bool:
        """Whether the API lets its user try again."""
        return self.saga.is_over or AFTER_FAILURE.name in self.journey.asked()

    def happen(self, message: Happening) -> tuple[Message, ...]:
        """Let it happen, and look at what was said."""
        before = self.saga
        earlier = newest_attempts(self.journey.sent)
        said = self.journey.happen(message)
        if self.saga != before:
            cause, document = written(message)
            self.history.append((cause, json.loads(document), self.journey.now))
        else:
            assert said == ()
        steps = [each for each in said if isinstance(each, Step)]
        if before.is_held and self.saga.is_held:
            assert not steps
        if self.saga.is_over:
            self.journey.commands.clear()
        for step in steps:
            assert step.attempt > earlier.get((step.phase, step.part), 0)
        return said

    def hear(self, reply: Reply) -> None:
        self.replies.append(reply)
        self.happen(reply)
        assert (reply.phase, reply.part, reply.attempt) not in set(open_steps(self.saga))

    def take(self, pick: int) -> Step | None:
        """A command that is not answered yet."""
        commands = self.journey.commands
        return commands.pop(pick % len(commands)) if commands else None

    def answer_with(self, question: str, choice: Choice) -> None:
        rev = self.saga.questions[question].rev
        assert answers.judge(self.saga, question, rev, choice) == ("accepted", None)
        assert answers.fits(self.saga, question, choice)
        said = self.happen(Answered(question, choice))
        closed = [each for each in said if isinstance(each, DecisionClosed)]
        assert [(c.decision_id, c.rev) for c in closed if c.chosen_by == "user"] == [
            (question, rev)
        ]

    def go_well(self) -> None:
        """The next good thing."""
        if self.saga.is_over:
            return
        if step := self.take(0):
            self.hear(finished(step))
        elif asked := answers.open_questions(self.saga):
            kind = {AFTER_FAILURE.name: "retry", OVER_BUDGET.name: "more"}
            self.answer_with(asked[0].id, Choice(option=kind.get(asked[0].id, asked[0].default)))
        else:
            self.meet_the_deadline()


def open_steps(saga: Saga) -> Iterable[tuple[str, str, int]]:
    """The steps the journal waits for."""
    if saga.is_over:
        return
    for name, phase in saga.phases.items():
        for part, row in phase.parts.items():
            if phase.is_at_work and row.state == "open":
                yield name, part, row.attempt


def newest_attempts(steps: Iterable[Step]) -> dict[tuple[str, str], int]:
    """The last attempt of each part that was given out."""
    return {(step.phase, step.part): step.attempt for step in steps}


def complete(option: str) -> Choice:
    """An option with what goes with it."""
    if option == OWN:
        return Choice(option=OWN, text="In my own words")
    notes = {"day 3": "Warmer, please."} if option == "changes" else {}
    return Choice(option=option, notes=notes)


def play(lives: int, *phases: Phase) -> None:
    """So many lives, the same each time."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=lives,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate, *phases),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens_in_whatever_order_every_promise_holds() -> None:
    play(300)


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_whatever_happens_ten_thousand_times_every_promise_holds() -> None:
    play(10_000, Phase.shrink)
