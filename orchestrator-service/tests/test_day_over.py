"""What becomes of a journal whose user's day is spent: wait, go on cheaper, or stop (R4.2b)."""

from datetime import timedelta
from decimal import Decimal

from journal_contracts.commands import RunPhase
from journal_contracts.message import Allowance
from orchestrator_service import answers
from orchestrator_service.hearing import LONGEST_WAIT, OVER_DAY, TAKEN
from orchestrator_service.state import next_day
from orchestrator_service.views import status_of

from .crew import MONDAY, Journey, failed, finished

MIDNIGHT = next_day(MONDAY)


NEEDS = Allowance(cost=Decimal("0.25"), tokens=9_000)


def refused(journey: Journey, code: str = OVER_DAY) -> None:
    """The next step needs a model, and its user's day has no room for it."""
    step = journey.commands.pop(0)
    told = {"code": code, "needs": NEEDS}
    journey.happen(failed(step).model_copy(update=told))


def refused_until_asked() -> Journey:
    journey = Journey.begun()
    refused(journey)
    return journey


def test_what_others_have_shares_of_is_waited_for_and_nobody_is_asked() -> None:
    """They give back what they do not need; no attempt is a failure."""
    journey = Journey.begun()

    for _ in range(6):
        refused(journey, TAKEN)
        assert not journey.asked()
        journey.pass_time(minutes=2)

    assert [step.attempt for step in journey.sent] == [1, 2, 3, 4, 5, 6, 7]
    assert {step.round for step in journey.sent} == {0}
    assert [step.needs for step in journey.sent] == [None, *6 * [NEEDS]]
    journey.finish()
    assert journey.saga.status == "completed"
    assert journey.saga.trouble is None
    assert all(step.needs is None for step in journey.sent[7:] if isinstance(step, RunPhase))


def test_a_user_whose_day_is_spent_is_asked_until_it_turns() -> None:
    journey = refused_until_asked()

    [asked] = answers.open_questions(journey.saga)
    assert (asked.id, asked.default) == ("over_quota", "wait")
    assert [option.id for option in asked.options] == ["wait", "stop"]
    assert asked.deadline == MIDNIGHT
    assert status_of(journey.saga) == "waiting"
    assert journey.saga.due == MIDNIGHT


def test_who_waits_goes_on_as_soon_as_there_is_room_and_is_not_asked_again_that_day() -> None:
    journey = refused_until_asked()

    journey.answer("over_quota", "wait")
    for _ in range(12):
        journey.pass_time(seconds=LONGEST_WAIT.total_seconds())
        refused(journey)
    assert not journey.asked()
    assert journey.saga.due == journey.now + LONGEST_WAIT
    journey.pass_time(seconds=LONGEST_WAIT.total_seconds())

    journey.finish()
    assert journey.saga.status == "completed"


def test_who_waits_looks_again_when_the_day_turns_and_is_asked_about_the_next() -> None:
    journey = refused_until_asked()
    journey.answer("over_quota", "wait")
    journey.now = MIDNIGHT - timedelta(seconds=1)
    journey.pass_time()
    refused(journey)

    assert journey.saga.due == MIDNIGHT
    journey.pass_time(seconds=1)
    refused(journey)

    [asked] = answers.open_questions(journey.saga)
    assert (asked.id, asked.rev) == ("over_quota", 2)
    assert asked.deadline == MIDNIGHT + timedelta(days=1)


def test_when_nobody_answers_it_goes_on_the_next_day() -> None:
    journey = refused_until_asked()

    journey.now = MIDNIGHT
    journey.pass_time()

    assert journey.saga.questions["over_quota"].made[-1].by == "default"
    assert [step.phase for step in journey.commands] == ["preflight"]


def test_an_unattended_journal_waits_without_asking() -> None:
    journey = Journey.begun(unattended=True)
    for _ in range(3):
        refused(journey)
        journey.pass_time(seconds=LONGEST_WAIT.total_seconds())

    made = journey.saga.questions["over_quota"].made
    assert [(one.choice.option, one.by) for one in made] == [("wait", "default")]
    assert not list(journey.requested())


def test_a_cheaper_model_writes_the_rest_at_once() -> None:
    journey = Journey.begun()
    journey.happen(finished(journey.commands.pop(0), models=["cheaper"]))
    refused(journey)

    journey.answer("over_quota", "cheaper")
    journey.pass_time()

    [again] = journey.commands
    assert (again.phase, again.models) == ("onboarding", "cheaper")


def test_who_wants_no_more_stops_with_everything_kept() -> None:
    journey = refused_until_asked()

    journey.answer("over_quota", "stop")

    assert journey.saga.status == "failed"
    assert journey.saga.trouble is not None
    assert journey.saga.trouble.code == "over_quota"


def test_a_wait_takes_no_try_from_what_really_fails() -> None:
    journey = refused_until_asked()
    journey.answer("over_quota", "wait")
    journey.pass_time(seconds=LONGEST_WAIT.total_seconds())

    journey.happen(failed(journey.commands.pop(0), "invalid_output"))
    journey.pass_time(minutes=5)

    assert [step.phase for step in journey.commands] == ["preflight"]
