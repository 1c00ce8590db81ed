"""`make bench NAME=saga`: nine no-op steps and one pause, ours beside its peers.

At once: so many journals begun together, and decided together when all have come to the pause.
One by one: unloaded. Contestants take turns for some rounds, each with fresh processes and a fresh
database on the same servers; every figure is the median of the rounds. A step lasts from its begin
to the next one's, a decision from the call to the begin of the step after it; the drivers are
inside the processes they drive. `ours` is the services' code with a worker beyond RabbitMQ; its CPU
is that of both. A ratio says how many times better ours is: below 1 the peer wins.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.apart import NotInstalled, python_of

from .arena import Arena
from .timing import STEPS, Run, Task, latencies, tell

ROUNDS: Final = 3
AT_ONCE: Final = 500
ONE_BY_ONE: Final = 50
GRAPHS: Final = 40
OURS: Final = {"ours": "hot", "faststream": "plain"}
PEERS: Final = {
    "dbos": "tests.performance.peers.dbos",
    "langgraph": "tests.performance.peers.langgraph",
}
LESS_IS_BETTER: Final = {
    "cpu": "cpu_ms",
    "commits": "commits",
    **{
        f"{what}_{share}_{load}": f"{what}_{share}_ms_{load}"
        for what in ("step", "decision")
        for share in ("p50", "p99")
        for load in ("unloaded", "at_once")
    },
}

Figures = dict[str, float]


@dataclass(frozen=True)
class Size:
    """How much of it."""

    rounds: int = ROUNDS
    at_once: int = AT_ONCE
    one_by_one: int = ONE_BY_ONE
    graphs: int = GRAPHS


async def bench(arena: Arena, size: Size) -> dict[str, Any]:
    """The whole race."""
    rounds: dict[str, list[Figures]] = {}
    excuses: dict[str, dict[str, str]] = {}
    try:
        python = python_of("bench")
    except NotInstalled as reason:
        excuses = {name: {"not_installed": str(reason)} for name in PEERS}
    for number in range(1, size.rounds + 1):
        for name in (*OURS, *(peer for peer in PEERS if peer not in excuses)):
            figures = (
                await _ours(arena, name, size)
                if name in OURS
                else await _peer(arena, name, python, size)
            )
            tell(f"round {number}: {name} {json.dumps(figures)}")
            rounds.setdefault(name, []).append(figures)
    found = {name: _medians(figures) for name, figures in rounds.items()}
    ours = found.pop("ours")
    ratios = {
        key: value for name, figures in found.items() for key, value in _ratios(name, ours, figures)
    }
    return {
        "name": "saga",
        "journals": {"at_once": size.at_once, "one_by_one": size.one_by_one},
        "ours": {**ours, "worker_commits": 0, "graph": await _graph(arena, size)},
        "peers": {**found, **excuses},
        "ratios": ratios,
        "peers_win": [key for key, ratio in ratios.items() if ratio < 1],
    }


async def _ours(arena: Arena, name: str, size: Size) -> Figures:
    at_once, commits = await crafted(
        arena, Task(arena.database(name), size.at_once, "at_once", manner=OURS[name])
    )
    alone, _ = await crafted(
        arena, Task(arena.database(name), size.one_by_one, "one_by_one", manner=OURS[name])
    )
    return _figures(at_once, commits, alone)


async def crafted(arena: Arena, task: Task) -> tuple[Run, int]:
    """One load on a worker and an orchestrator; what came to the worker when is in the run."""
    await arena.drain()
    manner = "plain" if task.manner == "plain" else "hot"
    async with arena.working(manner=manner) as (worker, came):
        told = replace(task, amqp=arena.addresses.amqp, worker=worker.pid)
        run = await arena.run(told, "tests.performance.ours")
    run.steps = _came(came)
    return run, await arena.commits(task.database)


def _came(file: Path) -> dict[str, list[float]]:
    """When the steps of each journal came; a command may come twice, then the first counts."""
    steps: dict[str, dict[tuple[str, str], float]] = {}
    for at, _, journal, phase, part in sorted(json.loads(file.read_text())):
        steps.setdefault(journal, {}).setdefault((phase, part), at)
    return {journal: list(times.values()) for journal, times in steps.items()}


async def _peer(arena: Arena, name: str, python: Path, size: Size) -> Figures:
    task = Task(arena.database(name), size.at_once, "at_once")
    at_once = await arena.run(task, PEERS[name], python)
    commits = await arena.commits(task.database)
    task = Task(arena.database(name), size.one_by_one, "one_by_one")
    return _figures(at_once, commits, await arena.run(task, PEERS[name], python))


def _figures(at_once: Run, commits: int, alone: Run) -> Figures:
    return {
        "steps_per_s": round(STEPS * at_once.journals / at_once.seconds, 1),
        "cpu_ms": round(1000 * at_once.cpu_seconds / at_once.journals, 2),
        "commits": round(commits / at_once.journals, 2),
        **{f"{key}_at_once": value for key, value in latencies(at_once).items()},
        **{f"{key}_unloaded": value for key, value in latencies(alone).items()},
    }


async def _graph(arena: Arena, size: Size) -> Figures:
    """The standard plan with its fan-out, unattended."""
    task = Task(arena.database("graph"), size.graphs, "at_once", manner="graph")
    run, commits = await crafted(arena, task)
    steps = sum(map(len, run.steps.values()))
    return {
        "journals": run.journals,
        "steps_a_journal": round(steps / run.journals, 1),
        "journals_per_s": round(run.journals / run.seconds, 2),
        "steps_per_s": round(steps / run.seconds, 1),
        "cpu_ms": round(1000 * run.cpu_seconds / run.journals, 1),
        "commits": round(commits / run.journals, 2),
    }


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {key: median(figures[key] for figures in rounds) for key in rounds[0]}


def _ratios(name: str, ours: Figures, figures: Figures) -> list[tuple[str, float]]:
    more = ("steps_per_s", ours["steps_per_s"] / figures["steps_per_s"])
    less = [(what, figures[key] / ours[key]) for what, key in LESS_IS_BETTER.items()]
    return [(f"{what}_vs_{name}", round(ratio, 2)) for what, ratio in (more, *less)]
