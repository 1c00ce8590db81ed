"""How long a journal still works: by how long the same phases took lately, at its own pace; pure.

Independent phases run side by side, so what counts is the longest way through the plan. The times
in which it waits for its user are not in it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from orchestrator_service.state import PhaseState, Saga

Usual = Mapping[str, float]
"""Seconds that each phase of the plan took; a phase that never ran is not in it."""


def seconds_left(saga: Saga, usual: Usual, now: datetime) -> float | None:
    """Seconds of work to the end; None where nothing is known, or it is over."""
    if saga.is_over or not usual:
        return None
    pace = _pace(saga, usual)

    @cache
    def end_of(name: str) -> float:
        begin = max((end_of(need) for need in saga.graph.needs[name]), default=0.0)
        state = saga.phases.get(name, PhaseState())
        return begin + _left(state, usual.get(name, 0.0) * pace, now)

    return max(end_of(name) for name in saga.graph.nodes)


def _pace(saga: Saga, usual: Usual) -> float:
    """How much longer than usual the phases took that are done; 1 while none is."""
    done = [
        (state.seconds, usual[name])
        for name, state in saga.phases.items()
        if state.status == "done" and state.seconds is not None and name in usual
    ]
    took, expected = (sum(column) for column in zip(*done, strict=True)) if done else (0.0, 0.0)
    return took / expected if took and expected else 1.0


def _left(state: PhaseState, expected: float, now: datetime) -> float:
    """By its parts where some are done, else by the clock."""
    match state.status:
        case "done":
            return 0.0
        case "waiting" | "undo":
            return expected
    done, parts = state.progress
    if done:
        return expected * (1 - done / parts)
    elapsed = (now - (state.began or now)).total_seconds()
    return max(0.0, expected - elapsed)
