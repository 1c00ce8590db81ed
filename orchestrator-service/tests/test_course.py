"""How a journal is steered: pause, more time, budget, retry, undo (R2.2a, R2.2d, R3.1d, R3.2d)."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from journal_contracts.commands import RegisterAssets, RunPhase, WithdrawAssets
from journal_contracts.decisions import Choice
from journal_contracts.events import DecisionClosed, DecisionExtended, DecisionHandedOver
from journal_contracts.message import Allowance
from journal_contracts.product import PlanName, TitleStyle
from orchestrator_service import answers
from orchestrator_service.happenings import (
    Answered,
    Cancel,
    DeadlinePassed,
    Extended,
    HandedOver,
    Pause,
    Poisoned,
    Resume,
    Retry,
)
from orchestrator_service.hearing import OVER_ALLOWANCE
from orchestrator_service.plan import DEFINITIONS, FIRST
from orchestrator_service.saga import advance
from orchestrator_service.views import journal_view, status_of

from .crew import MONDAY, Journey, billed, failed, finished
from .tables import with_undo

HOUR = timedelta(hours=1)


def phases_of(journey: Journey) -> list[str]:
    """The phases whose commands are not answered yet."""
    return [step.phase for step in journey.commands]


# --- pause and resume (R2.2a, R3.2d) -------------------------------------------------------------


def test_a_paused_journal_counts_answers_and_begins_nothing() -> None:
    journey = Journey.begun()
    step = journey.commands.pop(0)

    journey.happen(Pause(MONDAY + HOUR))
    journey.happen(finished(step))

    assert journey.saga.phases["preflight"].status == "done"
    assert not journey.commands
    assert journey.saga.due == MONDAY + HOUR


def test_a_paused_journal_goes_on_by_itself_when_the_pause_is_over() -> None:
    journey = Journey.begun()
    journey.happen(Pause(MONDAY + HOUR))
    journey.work()

    journey.pass_time(minutes=59)
    assert not journey.commands
    journey.pass_time(minutes=1)

    assert phases_of(journey) == ["onboarding"]
    assert journey.names()[-2:] == ["journal.craft.resumed.v1", "journal.phase.started.v1"]
    assert journey.saga.paused_until is None


def test_a_paused_journal_goes_on_when_somebody_resumes_it() -> None:
    journey = Journey.begun()
    journey.happen(Pause(MONDAY + HOUR))
    journey.work()

    journey.happen(Resume())

    assert phases_of(journey) == ["onboarding"]
    assert advance(journey.saga, Resume(), journey.now) == (journey.saga, ())


def test_no_default_is_taken_in_a_pause_and_questions_keep_the_time_they_had() -> None:
    journey = Journey.begun()
    journey.work()
    journey.wait(minutes=5)
    journey.happen(Pause(journey.now + 2 * HOUR))

    journey.pass_time(hours=1)
    assert journey.asked() == ["author_style"]
    journey.happen(Resume())

    assert journey.saga.questions["author_style"].due == MONDAY + timedelta(minutes=75)
    journey.pass_time(minutes=9)
    assert journey.asked() == ["author_style"]
    journey.pass_time(minutes=1)
    assert not journey.asked()


def test_a_question_can_be_answered_in_a_pause_and_has_its_effect_after_it() -> None:
    journey = Journey.begun()
    journey.work()
    journey.happen(Pause(MONDAY + HOUR))

    journey.answer("author_style", "s2")

    assert not journey.commands
    journey.happen(Resume())
    assert phases_of(journey) == ["editorial_plan"]


def test_a_pause_is_made_longer_and_counts_from_its_beginning() -> None:
    journey = Journey.begun()
    journey.work()
    journey.happen(Pause(MONDAY + HOUR))
    journey.wait(minutes=30)

    journey.happen(Pause(MONDAY + 3 * HOUR))
    journey.pass_time(hours=1)

    assert journey.saga.due == MONDAY + 3 * HOUR
    journey.pass_time(minutes=90)
    assert journey.saga.questions["author_style"].due == MONDAY + timedelta(hours=3, minutes=15)


def test_a_step_that_failed_in_a_pause_is_tried_again_after_it() -> None:
    journey = Journey.begun()
    step = journey.commands.pop()
    journey.happen(Pause(MONDAY + HOUR))

    journey.happen(failed(step, "infrastructure"))
    journey.pass_time(minutes=10)
    assert not journey.commands
    journey.pass_time(minutes=50)
    journey.pass_time()

    assert [(step.phase, step.attempt) for step in journey.commands] == [("preflight", 2)]


def test_a_book_to_be_written_again_waits_for_the_end_of_a_pause() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    again = {"part": "journal-days-03-03", "edition": "journal", "days": [3], "notes": ["short"]}
    journey.come_to("title")
    journey.answer("title", "t1")
    journey.work(until="proof")
    journey.happen(Pause(MONDAY + HOUR))

    journey.happen(finished(journey.commands.pop(0), again=[again]))

    assert not journey.commands
    journey.happen(Resume())
    journey.pass_time()
    assert [step.part for step in journey.commands] == ["journal-days-03-03-again-1"]


def test_what_failed_is_not_tried_again_in_a_pause_though_its_user_wants_it() -> None:
    journey = Journey.begun()
    journey.happen(failed(journey.commands.pop(0)))
    journey.happen(Pause(MONDAY + HOUR))

    journey.answer("after_failure", "retry")

    assert not journey.commands
    journey.happen(Resume())
    journey.pass_time()
    assert [(step.phase, step.attempt) for step in journey.commands] == [("preflight", 2)]


def test_a_question_asked_in_a_pause_gets_only_the_time_that_was_left_of_it() -> None:
    journey = Journey.begun(budget=1)
    step = journey.commands.pop(0)
    journey.happen(Pause(MONDAY + 10 * HOUR))
    journey.wait(hours=8)
    journey.happen(billed(step, "2"))

    journey.wait(hours=1)
    journey.happen(Resume())

    assert journey.saga.questions["over_budget"].due == journey.now + timedelta(hours=24)


def test_a_paused_journal_can_be_cancelled() -> None:
    journey = Journey.begun()
    journey.happen(Pause(MONDAY + HOUR))

    journey.happen(Cancel())

    assert journey.saga.status == "cancelled"
    assert journey.saga.due is None
    assert journey.saga.paused_until is None


# --- more time, and other people (R2.2c, R2.2d) --------------------------------------------------


def test_more_time_for_a_question_keeps_its_default_away() -> None:
    journey = Journey.begun()
    journey.work()

    journey.happen(Extended("author_style", MONDAY + HOUR))

    assert isinstance(journey.events[-1], DecisionExtended)
    assert journey.events[-1].deadline == MONDAY + HOUR
    journey.pass_time(minutes=59)
    assert journey.asked() == ["author_style"]
    journey.pass_time(minutes=1)
    assert not journey.asked()


def test_a_question_is_handed_over_once_and_for_this_revision_only() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    journey.come_to("title")
    friend = UUID(int=7)

    journey.happen(HandedOver("title", friend))

    assert isinstance(journey.events[-1], DecisionHandedOver)
    assert journey.saga.questions["title"].also == friend
    journey.answer("title", "more")
    journey.work()
    assert journey.asked() == ["title"]
    assert journey.saga.questions["title"].also is None


# --- what a journal may cost (R1.1d) -------------------------------------------------------------


def overspent() -> Journey:
    """It may cost a dollar, and costs 40 cents a step: three of them are too much."""
    journey = Journey.begun(budget=1, unattended=True)
    while not journey.saga.is_over_budget:
        journey.happen(billed(journey.commands.pop(0), "0.40"))
    return journey


def test_a_journal_that_costs_too_much_is_held_and_its_user_asked() -> None:
    journey = overspent()

    assert journey.asked() == ["over_budget"]
    assert status_of(journey.saga) == "waiting"
    assert [step.phase for step in journey.sent] == ["preflight", "onboarding", "editorial_plan"]
    assert not journey.commands
    assert journey.saga.due == MONDAY + timedelta(hours=24)


def test_going_on_allows_as_much_again() -> None:
    journey = overspent()

    journey.answer("over_budget", "more")

    assert set(phases_of(journey)) == {"discovery", "research"}
    assert journey.saga.allowance == 2
    journey.happen(billed(journey.commands.pop(0), "0.80"))
    assert not journey.saga.is_over_budget
    journey.happen(billed(journey.commands.pop(0), "0.01"))
    assert journey.asked() == ["over_budget"]
    assert journey.saga.questions["over_budget"].rev == 2


def test_what_is_promised_to_a_step_is_promised_to_nobody_else() -> None:
    """R4.2b"""
    journey = Journey.begun(budget=Decimal("1.00"), unattended=True)
    [preflight] = journey.commands
    assert preflight.allowance == Allowance(cost=Decimal("0.50"))

    journey.happen(billed(journey.commands.pop(0), "0.20"))
    for _ in range(2):
        journey.happen(billed(journey.commands.pop(0), "0.00"))

    assert [step.phase for step in journey.commands] == ["discovery", "research"]
    shares = [step.allowance.cost for step in journey.commands if step.allowance]
    assert shares == [Decimal("0.40"), Decimal("0.20")]
    assert journey.saga.unpromised == Decimal("0.20")


def test_nothing_is_bounded_that_has_no_price_or_no_budget() -> None:
    free, unpriced = Journey.begun(), Journey.begun(budget=1)

    unpriced.happen(billed(unpriced.commands.pop(0), None))

    assert [journey.commands[0].allowance for journey in (free, unpriced)] == [None, None]


def test_a_step_that_would_cost_more_than_is_left_is_a_question_not_a_failure() -> None:
    journey = Journey.begun(budget=1, unattended=True)
    refused = failed(journey.commands.pop(0)).model_copy(update={"code": OVER_ALLOWANCE})

    journey.happen(refused)

    assert journey.asked() == ["over_budget"]
    assert journey.saga.trouble is None
    journey.answer("over_budget", "more")
    journey.pass_time()
    [again] = journey.commands
    assert (again.phase, again.attempt, again.round) == ("preflight", 2, 0)
    assert again.allowance == Allowance(cost=Decimal(1))


def test_a_cheaper_model_is_offered_where_there_is_one_and_writes_the_rest() -> None:
    journey = Journey.begun(budget=1, unattended=True)
    journey.happen(billed(journey.commands.pop(0), "2", models=["cheaper"]))
    [asked] = answers.open_questions(journey.saga)
    assert [option.id for option in asked.options] == ["more", "cheaper", "stop"]

    journey.answer("over_budget", "cheaper")

    assert [step.models for step in journey.commands] == ["cheaper"]
    assert journey.saga.allowance == 2


@pytest.mark.parametrize("by", ["user", "deadline"])
def test_a_journal_that_may_cost_no_more_ends_with_everything_kept(by: str) -> None:
    journey = overspent()

    if by == "user":
        journey.answer("over_budget", "stop")
    else:
        journey.pass_time(hours=24)

    assert journey.saga.status == "failed"
    assert journey.saga.trouble is not None
    assert journey.saga.trouble.code == "over_budget"
    assert journey.names()[-1] == "journal.craft.failed.v1"
    assert journey.saga.phases["onboarding"].parts[""].made == 1
    assert journey.saga.due is None


def test_a_held_journal_tries_nothing_again() -> None:
    journey = overspent()
    journey.answer("over_budget", "more")
    costly, failing = journey.commands
    journey.happen(billed(costly, "5"))
    journey.happen(failed(failing, "infrastructure"))
    journey.commands.clear()

    journey.pass_time(minutes=5)
    assert not journey.commands
    journey.answer("over_budget", "more")
    journey.pass_time()

    assert (failing.phase, 2) in [(step.phase, step.attempt) for step in journey.commands]


def test_a_failure_is_asked_about_once_the_journal_may_go_on() -> None:
    journey = overspent()
    journey.answer("over_budget", "more")
    discovery, research = journey.commands
    journey.happen(billed(discovery, "0.90"))

    journey.happen(failed(research))

    assert journey.asked() == ["over_budget"]
    journey.answer("over_budget", "more")
    assert journey.asked() == ["after_failure"]


def test_what_has_no_price_never_asks() -> None:
    journey = Journey.begun(budget=1, unattended=True)

    while not journey.saga.is_over:
        journey.happen(billed(journey.commands.pop(0), None))

    assert journey.saga.status == "completed"
    assert journey.saga.usage.cost is None
    assert journey.saga.usage.calls == len(journey.sent) - 1  # the shelf calls no model


# --- again (R3.2d, R9.1d) ------------------------------------------------------------------------


def test_a_failed_journal_goes_on_where_it_stood() -> None:
    journey = Journey.begun()
    journey.work(until="onboarding")
    journey.happen(failed(journey.commands.pop(0)))
    journey.answer("after_failure", "give_up")
    assert journey.saga.status == "failed"

    journey.happen(Retry())

    assert journey.saga.status == "running"
    assert journey.saga.trouble is None
    assert [(step.phase, step.attempt) for step in journey.commands] == [("onboarding", 2)]
    journey.finish()
    assert journey.saga.status == "completed"


def test_a_cancelled_journal_goes_on_with_the_question_it_was_asked() -> None:
    journey = Journey.begun()
    journey.work()
    journey.happen(Cancel())

    journey.happen(Retry())

    assert journey.asked() == ["author_style"]
    assert journey.saga.questions["author_style"].rev == 2
    journey.finish()
    assert journey.saga.status == "completed"


def test_a_cancelled_journal_repeats_what_was_under_way_and_hears_no_old_answer() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    journey.come_to("title")
    journey.answer("title", "t1")
    journey.work(until="curation")
    done, *open_ = journey.commands
    journey.happen(finished(done))
    journey.happen(Cancel())
    journey.commands.clear()

    journey.happen(Retry())

    assert {step.part for step in journey.commands} == {step.part for step in open_}
    assert {step.attempt for step in journey.commands} == {2}
    assert journey.happen(finished(open_[0])) == ()


def test_a_completed_journal_is_made_again_from_a_phase() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    journey.finish(title="t3")
    before = len(journey.sent)

    journey.happen(Retry("discovery"))
    journey.finish(title="t5")

    again = journey.sent[before:]
    phases = [step.phase for step in again]
    assert phases[:3] == ["delivery", "discovery", "outline"]
    assert isinstance(again[0], WithdrawAssets)
    assert not {"preflight", "onboarding", "editorial_plan"} & set(phases)
    assert journey.saga.status == "completed"
    # Ten titles were shown before: these are new ones.
    assert {step.brief.title.text for step in again if step.phase == "outline"} == {"Title 15"}


def test_a_retry_brings_other_answers_and_other_wishes() -> None:
    journey = Journey.begun()
    journey.finish()
    before = len(journey.sent)

    journey.happen(
        Retry(
            "discovery",
            {"title": Choice(option="t9"), "pictures": Choice(option="none")},
            title_style=TitleStyle.PRACTICAL,
            audience="night nurses",
        )
    )
    journey.work()

    assert journey.asked() == ["format"]
    made = journey.saga.questions
    assert (made["title"].made[-1].choice.option, made["title"].made[-1].by) == ("t9", "request")
    assert made["pictures"].made[-1].choice.option == "none"
    again = [step for step in journey.sent[before:] if isinstance(step, RunPhase)]
    assert again[0].order["title_style"] == TitleStyle.PRACTICAL
    assert {step.brief.audience for step in again} == {"night nurses"}
    assert "illustration" not in {step.phase for step in again}
    journey.finish()
    assert journey.saga.status == "completed"


def test_a_failure_is_answered_by_a_retry_from_an_earlier_phase() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    journey.come_to("title")
    journey.answer("title", "t1")
    journey.work(until="proof")
    journey.happen(failed(journey.commands.pop(0)))

    journey.happen(Retry("outline"))

    assert phases_of(journey) == ["outline"]
    closed = [event for event in journey.events if isinstance(event, DecisionClosed)][-1]
    assert (closed.decision_id, closed.choice.option) == ("after_failure", "retry")
    journey.finish()
    assert journey.saga.status == "completed"


def test_an_attempt_never_starts_over_though_its_part_was_not_wanted_for_a_while() -> None:
    journey = Journey.begun(PlanName.STANDARD)
    journey.finish()
    first = next(step for step in journey.sent if step.phase == "illustration")
    journey.happen(Retry("proof", {"pictures": Choice(option="none")}))
    journey.finish(format="6x9-plain")

    journey.happen(Retry("proof", {"pictures": Choice(option="procedural")}))
    journey.work(until="illustration")

    again = [step for step in journey.commands if step.phase == "illustration"]
    assert {step.part: step.attempt for step in again}[first.part] > first.attempt


@pytest.mark.parametrize("plan", PlanName)
def test_a_completed_journal_can_be_taken_up_at_any_phase(plan: PlanName) -> None:
    ready = Journey.begun(plan)
    ready.finish()
    for phase in ready.saga.phases:
        journey = Journey(ready.saga, ready.now, list(ready.events))

        journey.happen(Retry(phase))
        journey.finish()

        assert journey.saga.status == "completed"
        again = {step.phase for step in journey.sent}
        rests = ready.saga.graph.after[phase] & ready.saga.phases.keys()
        assert again == {phase, *rests}


# --- taking back (R6.1d) -------------------------------------------------------------------------


def delivered() -> Journey:
    journey = Journey.begun(PlanName.EXPRESS)
    journey.finish()
    return journey


def test_the_delivery_is_taken_back_before_what_it_rests_on_is_made_again() -> None:
    journey = delivered()

    journey.happen(Retry("binding"))

    [undo] = journey.commands
    assert isinstance(undo, WithdrawAssets)
    assert (undo.phase, undo.part, undo.registered) == ("delivery", "undo", 1)
    assert journey.saga.phases["delivery"].status == "undoing"
    journey.happen(finished(journey.commands.pop()))
    assert phases_of(journey) == ["binding"]
    journey.work(until="delivery")
    [register] = journey.commands
    assert isinstance(register, RegisterAssets)
    assert register.attempt == 2
    journey.work()
    assert journey.saga.status == "completed"


def test_each_undo_names_the_attempt_that_counted() -> None:
    journey = delivered()
    for attempt in (1, 2, 3):
        journey.happen(Retry("delivery"))
        undo = journey.commands[0]
        assert isinstance(undo, WithdrawAssets)
        assert (undo.registered, undo.attempt) == (attempt, attempt)
        journey.finish()

    assert journey.saga.status == "completed"


def test_effects_are_taken_back_one_by_one_the_last_first(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_undo(FIRST, 90, "binding", "publishing_pack")
    monkeypatch.setitem(DEFINITIONS, 90, table)
    journey = Journey.begun(version=90)
    journey.finish()

    journey.happen(Retry("outline"))

    undone = []
    while isinstance(step := journey.commands[0], WithdrawAssets):
        assert len(journey.commands) == 1
        undone.append(step.phase)
        journey.happen(finished(journey.commands.pop()))
    assert undone == ["delivery", "publishing_pack", "binding"]
    assert phases_of(journey) == ["outline"]
    journey.finish()
    assert journey.saga.status == "completed"


def test_a_late_answer_to_an_undo_changes_nothing() -> None:
    journey = delivered()
    journey.happen(Retry("binding"))
    answer = finished(journey.commands.pop())
    journey.happen(answer)

    assert advance(journey.saga, answer, journey.now) == (journey.saga, ())


def test_an_undo_that_fails_is_tried_again_and_then_its_user_is_asked() -> None:
    journey = delivered()
    journey.happen(Retry("binding"))

    journey.happen(failed(journey.commands.pop(), "infrastructure"))
    journey.pass_time(seconds=2)
    [undo] = journey.commands
    assert isinstance(undo, WithdrawAssets)
    assert undo.attempt == 2
    journey.happen(failed(journey.commands.pop(), "fatal"))

    assert journey.asked() == ["after_failure"]
    journey.answer("after_failure", "retry")
    assert isinstance(journey.commands[0], WithdrawAssets)
    journey.finish()
    assert journey.saga.status == "completed"


def test_an_undo_nobody_answers_is_sent_again() -> None:
    journey = delivered()
    journey.happen(Retry("binding"))
    journey.commands.clear()

    journey.pass_time(minutes=10)
    journey.pass_time(seconds=2)

    assert [step.attempt for step in journey.commands] == [2]
    assert isinstance(journey.commands[0], WithdrawAssets)


def test_a_cancelled_undo_is_taken_up_again() -> None:
    journey = delivered()
    journey.happen(Retry("binding"))
    journey.happen(Cancel())
    journey.commands.clear()

    journey.happen(Retry())

    assert isinstance(journey.commands[0], WithdrawAssets)
    journey.finish()
    assert journey.saga.status == "completed"


def test_nothing_is_taken_back_in_a_pause() -> None:
    journey = delivered()
    journey.happen(Retry("binding"))
    journey.happen(Pause(MONDAY + HOUR))

    journey.work()

    assert journey.saga.phases["delivery"].status == "waiting"
    assert not journey.commands
    journey.happen(Resume())
    assert phases_of(journey) == ["binding"]


# --- deadlines of steps, and poison (R2.2d, R9.1c) -----------------------------------------------


def test_a_step_that_waits_for_room_has_its_time_from_when_it_is_sent() -> None:
    journey = Journey.begun()

    journey.wait(minutes=10)
    journey.happen(DeadlinePassed({"preflight//1": None}))
    assert journey.saga.due == MONDAY + timedelta(minutes=20)
    journey.wait(minutes=10)
    journey.happen(DeadlinePassed({"preflight//1": MONDAY + timedelta(minutes=15)}))

    assert journey.saga.due == MONDAY + timedelta(minutes=25)
    assert len(journey.sent) == 1
    journey.wait(minutes=5)
    journey.happen(DeadlinePassed({"preflight//1": MONDAY + timedelta(minutes=15)}))
    assert journey.saga.phases["preflight"].parts[""].state == "retry"


def test_a_poisoned_journal_ends_with_a_trouble_that_is_told() -> None:
    journey = Journey.begun()

    journey.happen(Poisoned("DataError"))

    assert journey.saga.status == "failed"
    assert journey.names()[-1] == "journal.craft.failed.v1"
    view = journal_view(journey.saga, MONDAY, MONDAY)
    assert view.trouble is not None
    assert (view.trouble.code, view.trouble.detail) == ("cannot_go_on", "DataError")
    assert journey.saga.due is None


def test_a_poisoned_journal_can_be_taken_up_again() -> None:
    journey = Journey.begun()
    journey.happen(Poisoned("DataError"))
    journey.commands.clear()

    journey.happen(Retry())

    assert [(step.phase, step.attempt) for step in journey.commands] == [("preflight", 2)]
    journey.finish()
    assert journey.saga.status == "completed"


def test_what_is_over_hears_nothing_but_a_retry() -> None:
    journey = Journey.begun()
    step = journey.commands[0]
    journey.happen(Cancel())

    for message in (
        finished(step),
        Cancel(),
        Pause(MONDAY + HOUR),
        Resume(),
        DeadlinePassed(),
        Poisoned("late"),
        Answered("author_style", Choice(option="s1")),
    ):
        assert advance(journey.saga, message, journey.now) == (journey.saga, ())
