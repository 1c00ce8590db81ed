"""`make faults`: thousands of journals, hundreds of faults, and then every invariant is asked.

SCALE multiplies journals and time. The report is `out/reports/faults.json`; the exit code is 1 if
any promise was broken, or fewer faults struck than asked for; `ONLY` chooses kinds that strike.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog
import uvloop

from chassis.database import Database
from orchestrator_service.engine.engine import Engine
from tests import report
from tests.instant.orchestrator import install

from .crowd import Crowd, an_office
from .ears import Ears
from .judging import judge
from .stage import ORCHESTRATORS, Stage, a_stage
from .troubles import FAILPOINTS, Troubles, a_lying_clock

JOURNALS: Final = 2000
SECONDS: Final = 300.0
"""In which the journals are ordered, and struck; longer where fewer were killed than asked for."""
DRAIN: Final = 900.0
"""Seconds the last journals have to end; a run that took too long says so, it breaks no promise."""
QUIET: Final = 8.0
"""Seconds after the last end, in which the last letters are settled."""
KINDS: Final = (
    "kill",
    "failpoint",
    "broker",
    "postgres",
    "network",
    "message",
    "decision",
    "clock",
)
FAULTS: Final = 500
KILLS: Final = 100
LONGEST: Final = 600.0


@dataclass(frozen=True)
class Facts:
    """What a run came to."""

    journals: int
    faults: dict[str, int]
    failpoints_reached: int
    failpoints: int
    violations: dict[str, int]
    possibly_charged: int
    seconds: float
    broken_injectors: int


def shortfalls(
    faults: Mapping[str, int], journals: int, seconds: float, failpoints: int = len(FAILPOINTS)
) -> list[str]:
    """What a run of full size lacks."""
    kills = faults.get("kill", 0) + faults.get("failpoint", 0)
    found = {
        f"{journals} journals of {JOURNALS}": journals >= JOURNALS,
        f"{sum(faults.values())} faults of {FAULTS}": sum(faults.values()) >= FAULTS,
        f"{kills} kills of {KILLS}": kills >= KILLS,
        f"{failpoints} failpoints of {len(FAILPOINTS)}": failpoints == len(FAILPOINTS),
        f"{seconds:.0f} s of {LONGEST:.0f}": seconds <= LONGEST,
        **{f"no fault of kind {kind}": faults.get(kind, 0) > 0 for kind in KINDS},
    }
    return [lack for lack, is_met in found.items() if not is_met]


async def run(scale: float) -> Facts:
    """One run, of this share of the full size."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        stack.enter_context(_quietly())
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        stack.push(lambda *raised: _clear(folder, clean=raised[0] is None))
        faketime = await asyncio.to_thread(a_lying_clock)
        stage = await stack.enter_async_context(a_stage(folder))
        ears = Ears()
        await stack.enter_async_context(ears.open(stage.servers.addresses.amqp))
        database = await stack.enter_async_context(Database.open(stage.database))
        engine = await stack.enter_async_context(
            Engine.open(stage.database, stage.servers.addresses.amqp, user_limit=24)
        )
        await stack.enter_async_context(engine.sender.sending())
        crowd = Crowd(
            an_office(database, engine, stage.database, decision_seconds=120),
            an_office(database, engine, stage.database, decision_seconds=3),
            ears,
        )
        troubles = Troubles(stage, faketime)
        living = asyncio.create_task(crowd.live(int(JOURNALS * scale), SECONDS * scale))
        strikes = {
            "kill": troubles.kills,
            "broker": troubles.broker,
            "postgres": troubles.postgres,
            "network": troubles.network,
            "message": troubles.messages,
        }
        wanted = os.environ.get("ONLY", " ".join(strikes)).split()
        striking = [asyncio.create_task(strikes[kind]()) for kind in wanted]
        enough = asyncio.create_task(_enough(troubles, scale))
        await asyncio.wait({living, enough}, return_when=asyncio.FIRST_COMPLETED)
        enough.cancel()  # where lives end early, they have found an error
        troubles.over.set()
        ends = await asyncio.gather(*striking, return_exceptions=True)
        broken = [end for end in ends if end is not None]
        stage.chaos.unlink(missing_ok=True)
        await _all_ready(stage)
        _tell(f"most over after {time.monotonic() - began:.0f} s: {dict(troubles.counted)}")
        dying = asyncio.create_task(troubles.deaths_left())
        try:
            await asyncio.wait_for(living, DRAIN)
        except TimeoutError:
            _tell("some journals did not end")
        dying.cancel()
        await asyncio.wait([dying])
        for name in ORCHESTRATORS:
            stage.actors[name].arm(())
        await _all_ready(stage)
        await asyncio.sleep(QUIET)
        for actor in stage.actors.values():
            actor.kill()
        violations, lost, examples = await judge(stage, crowd, ears)
    faults = dict(troubles.counted + crowd.faults)
    for line in (*map(repr, broken), *examples):
        _tell(line)
    return Facts(
        journals=len(crowd.ordered),
        faults={kind: faults.get(kind, 0) for kind in KINDS},
        failpoints_reached=len(FAILPOINTS) - len(troubles.failpoints),
        failpoints=len(FAILPOINTS),
        violations=violations,
        possibly_charged=lost,
        seconds=round(time.monotonic() - began, 1),
        broken_injectors=len(broken),
    )


async def _all_ready(stage: Stage) -> None:
    """Whoever is dead comes back."""
    for actor in stage.actors.values():
        if actor.is_dead:
            actor.start()
    await asyncio.gather(*(actor.until_ready() for actor in stage.actors.values()))


async def _enough(troubles: Troubles, scale: float) -> None:
    """Until it has struck for long enough, and killed often enough."""
    await asyncio.sleep(SECONDS * scale)
    while troubles.counted["kill"] + troubles.counted["failpoint"] < KILLS * scale:
        await asyncio.sleep(1)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the log of the run's own process: it is about the faults it makes itself."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def _clear(folder: Path, clean: bool) -> None:
    """Logs of a run that broke are worth reading."""
    if clean:
        shutil.rmtree(folder)
    else:
        _tell(f"what is left is in {folder}")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """Run, report, judge."""
    install()  # the users' orders begin in this process
    scale = float(os.environ.get("SCALE", "1"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the wires are in it
        facts = runner.run(run(scale))
    report.write("faults", asdict(facts))
    seconds = facts.seconds / max(scale, 1)
    lacks = shortfalls(facts.faults, facts.journals, seconds, facts.failpoints_reached)
    for lack in lacks:
        _tell(f"too easy: {lack}")
    for name, count in facts.violations.items():
        _tell(f"{count:6d}  {name}")
    is_broken = any(facts.violations.values()) or facts.broken_injectors
    return 1 if is_broken or (lacks and scale >= 1) else 0


if __name__ == "__main__":
    sys.exit(main())
