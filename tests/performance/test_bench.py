"""The benches' own code, on few journals: it brings them to their end. No time is asserted."""

from pathlib import Path

import pytest

from journalcraft.servers import Addresses

from . import crew, saga
from .arena import Arena
from .fair import jain
from .timing import STEPS, Run, Task, latencies, percentile


@pytest.fixture
def arena(addresses: Addresses, tmp_path: Path) -> Arena:
    """The servers of this test run."""
    return Arena(addresses, tmp_path)


@pytest.mark.parametrize("manner", ["hot", "plain"])
async def test_every_journal_takes_nine_steps_and_one_decision(arena: Arena, manner: str) -> None:
    task = Task(arena.database("nine"), 5, "at_once", manner=manner)

    run, commits = await saga.crafted(arena, task)

    assert [len(steps) for steps in run.steps.values()] == [STEPS] * 5
    assert run.decided.keys() == run.steps.keys()
    assert run.cpu_seconds > 0
    assert commits > 0


async def test_the_standard_plan_runs_without_anybody(arena: Arena) -> None:
    run, _ = await saga.crafted(arena, Task(arena.database("graph"), 1, "at_once", manner="graph"))

    (steps,) = run.steps.values()
    assert len(steps) > 100


@pytest.mark.deep
async def test_a_phase_goes_through_the_workers_and_through_crewai_alone(arena: Arena) -> None:
    """Two services with CrewAI are started for it."""
    size = crew.Size(rounds=1, runs=6, held=5, call_seconds=0.5)

    facts = await crew.bench(arena, size)

    assert facts["bare"]["cpu_ms"] > 0
    assert facts["ours"]["cpu_ms"] > 0
    assert facts["held"]["at_once"] == 5


def test_a_decision_ends_where_the_step_after_it_begins() -> None:
    run = Run(1, steps={"a": [0, 1, 2, 3, 10, 11, 12, 13, 14]}, decided={"a": 8})

    assert latencies(run) == {
        "step_p50_ms": 1000,
        "step_p99_ms": 1000,
        "decision_p50_ms": 2000,
        "decision_p99_ms": 2000,
    }


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([3, 1, 2], share) for share in (0, 50, 99)] == [1, 2, 3]


def test_shares_are_equal_or_one_has_all() -> None:
    assert jain([5, 5, 5, 5]) == 1
    assert jain([7, 0, 0, 0]) == 0.25
