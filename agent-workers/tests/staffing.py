"""`python staffing.py FOLDER`: workers' services, all of them, around phases as tests need them.

Each line on stdin orders one, by its environment, and is answered by its pid; a line with a pid is
answered by how that one ended. They are forked: importing CrewAI takes long.
"""

import asyncio
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from agent_workers.desk import Agent, Desk, Result
from agent_workers.environment import prepare
from agent_workers.settings import Settings
from chassis import telemetry
from chassis.web import serve
from journal_contracts.catalogue import WORKERS

AGENT: Final = Agent("editor", "Poet", "Write haiku", "You count syllables.")
GROWN: Final = 320
"""MiB that a step keeps which keeps too much."""
kept: list[bytes] = []


class Haiku(BaseModel):
    """What is asked for."""

    lines: list[str]


async def two_questions(desk: Desk) -> Result:
    """Each is kept when it is answered."""
    brief = await desk.brief()
    await desk.ask(AGENT, Haiku, "A haiku about the morning.", brief)
    return Result(await desk.ask(AGENT, Haiku, "A haiku about the evening.", brief))


async def without_a_word(desk: Desk) -> Result:
    """Never ends, and says nothing."""
    await asyncio.Event().wait()
    raise AssertionError("it ended")


async def growing(desk: Desk) -> Result:
    """Keeps what it should not, and does its work."""
    kept.append(b"\1" * (GROWN * 2**20))
    return await two_questions(desk)


def _live(app: Any, environment: dict[str, str]) -> int:
    """One worker, from its begin to its end."""
    log = os.open(environment.pop("LOG"), os.O_WRONLY | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    os.environ.update(environment)
    telemetry.start(WORKERS)
    settings = Settings()
    try:
        serve(app.build(settings), settings)
    except SystemExit as end:
        return int(end.code or 0)
    return os.EX_OK


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
    app = import_module("agent_workers.app")
    phases = {"editing": two_questions, "review": without_a_word, "research": growing}
    vars(app)["CREWS"] = phases
    for line in sys.stdin:
        match json.loads(line):
            case dict(environment):
                if not (answer := os.fork()):
                    os._exit(_live(app, environment))
            case pid:
                answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
