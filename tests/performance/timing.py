"""Two loads and one clock for whatever runs nine steps and a pause. Standard library only.

Peers run under their own Python and import this too. A process of a contestant is given a `Task`
as JSON, and prints a `Run` as its last line.
"""

import asyncio
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import uuid4

STEPS: Final = 9
PAUSE_AFTER: Final = 4


@dataclass(frozen=True)
class Task:
    """What to run, on which servers. `load` is "at_once" or "one_by_one"."""

    database: str
    journals: int
    load: str
    amqp: str = ""
    manner: str = ""
    worker: int = 0
    """The process whose CPU counts too."""

    @classmethod
    def given(cls) -> "Task":
        """The one this process was started with."""
        return cls(**json.loads(sys.argv[1]))


@dataclass
class Run:
    """What happened: times are of the machine's monotonic clock, which all processes share."""

    journals: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    steps: dict[str, list[float]] = field(default_factory=dict)
    """When each step of a journal began."""
    decided: dict[str, float] = field(default_factory=dict)

    def mark(self, journal: str) -> None:
        """The next step of this journal begins now."""
        self.steps.setdefault(journal, []).append(time.monotonic())

    def tell(self) -> None:
        """Print it for the process that waits for it."""
        sys.stdout.write(json.dumps(asdict(self)) + "\n")


class Contestant(Protocol):
    """Whatever runs journals; both return when the journal has come there, durably."""

    async def until_asked(self, journal: str) -> None:
        """Begin a journal and bring it to its pause."""

    async def until_done(self, journal: str) -> None:
        """Decide, and bring the journal to its end."""


async def run(task: Task, contestant: Contestant, run: Run) -> None:
    """Put the load on the contestant."""
    journals = [str(uuid4()) for _ in range(task.journals)]
    began, cpu = time.monotonic(), _cpu(task)
    if task.load == "at_once":
        await asyncio.gather(*(contestant.until_asked(journal) for journal in journals))
        run.decided = dict.fromkeys(journals, time.monotonic())
        await asyncio.gather(*(contestant.until_done(journal) for journal in journals))
    else:
        for journal in journals:
            await contestant.until_asked(journal)
            run.decided[journal] = time.monotonic()
            await contestant.until_done(journal)
    run.seconds = time.monotonic() - began
    run.cpu_seconds = _cpu(task) - cpu


def latencies(run: Run) -> dict[str, float]:
    """Of a step: from its begin to the next one's. Of a decision: to the begin of step 5. In ms."""
    steps = [
        1000 * (after - before)
        for times in run.steps.values()
        for n, (before, after) in enumerate(pairwise(times), 1)
        if n != PAUSE_AFTER
    ]
    decisions = [1000 * (run.steps[j][PAUSE_AFTER] - at) for j, at in run.decided.items()]
    return {
        "step_p50_ms": percentile(steps, 50),
        "step_p99_ms": percentile(steps, 99),
        "decision_p50_ms": percentile(decisions, 50),
        "decision_p99_ms": percentile(decisions, 99),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many per cent do not exceed."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)], 3)


def cpu_of(process: int) -> float:
    """Seconds a process has computed, in user and system mode."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tell(line: str) -> None:
    """Say how it goes."""
    sys.stderr.write(f"{line}\n")


def as_run(told: Mapping[str, Any]) -> Run:
    """What another process told."""
    return Run(**told)


def _cpu(task: Task) -> float:
    return time.process_time() + (cpu_of(task.worker) if task.worker else 0.0)
