"""How long a journal still works, from what was measured and nothing else (R1.2c, R3.1d)."""

import pytest

from chassis.ids import new_id
from journal_contracts.product import PlanName
from orchestrator_service.eta import seconds_left
from orchestrator_service.usual import Times

from .crew import Journey, finished
from .test_desk import ORDER, House, house

__all__ = ["house"]


def left(journey: Journey, **usual: float) -> float | None:
    return seconds_left(journey.saga, usual, journey.now)


def test_without_history_nothing_is_said() -> None:
    assert left(Journey.begun()) is None


def test_what_runs_side_by_side_takes_as_long_as_the_longest() -> None:
    journey = Journey.begun(PlanName.STANDARD)

    assert left(journey, discovery=30, research=50) == 50
    assert left(journey, discovery=30, research=50, outline=7) == 57


def test_what_the_plan_leaves_out_is_not_waited_for() -> None:
    assert left(Journey.begun(PlanName.EXPRESS), discovery=30, research=50) == 30


def test_a_phase_under_way_counts_by_the_clock_until_a_part_is_done() -> None:
    journey = Journey.begun()
    usual = {"preflight": 60.0, "curation": 100.0}

    journey.wait(seconds=20)
    assert left(journey, **usual) == 140
    journey.wait(seconds=90)
    assert left(journey, **usual) == 100


def test_then_it_counts_by_its_parts() -> None:
    journey = Journey.begun(PlanName.EXPRESS, unattended=True)
    journey.work(until="curation")
    parts = len(journey.commands)
    for _ in range(2):
        journey.happen(finished(journey.commands.pop(0)))

    assert left(journey, curation=100) == pytest.approx(100 * (1 - 2 / parts))


def test_a_journal_that_is_slower_than_usual_goes_on_at_its_own_pace() -> None:
    journey = Journey.begun()
    journey.wait(seconds=20)
    journey.work(until="onboarding")

    assert left(journey, preflight=10, curation=100) == 200


def test_what_is_over_takes_no_time() -> None:
    journey = Journey.begun(unattended=True)
    journey.finish()

    assert left(journey, curation=100) is None


async def test_a_journal_is_shown_with_what_journals_of_its_plan_took(house: House) -> None:
    """The first of a plan has no history, and says so."""
    user, order = new_id(), ORDER.model_copy(update={"unattended": True})
    first = await house.desk.order(user, order, None)
    unknown = await house.desk.state(user, first.id)
    await house.work(first.id)
    over = await house.desk.state(user, first.id)

    times = await Times(house.database).of(PlanName.EXPRESS)

    assert (unknown.eta_seconds, over.eta_seconds) == (None, None)
    assert times.keys() == {phase.name for phase in over.phases if phase.seconds is not None}
    assert await Times(house.database).of(PlanName.STANDARD) == {}
    second = await house.desk.order(user, order, None)
    shown = (await house.desk.state(user, second.id)).eta_seconds
    assert shown is not None
    assert 0 <= shown <= sum(times.values())
