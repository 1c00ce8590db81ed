"""`python -m tests.performance.peers.dbos TASK`: nine steps as a workflow of DBOS.

Its async API, and no logs. Of the journals begun at once four run side by side, on five
connections: of all that was tried from 3 to 500, and 3 to 50, these gave it the most steps.
"""

import asyncio
from collections import defaultdict
from typing import Any, Final

from dbos import DBOS, DBOSConfig, SetWorkflowID  # type: ignore[import-not-found] # its own Python

from tests.performance import timing
from tests.performance.timing import PAUSE_AFTER, STEPS, Run, Task

CONNECTIONS: Final = 5
SIDE_BY_SIDE: Final = 4

TASK = Task.given()
RUN = Run(TASK.journals)
ASKED: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


async def nothing(journal: str) -> None:
    """A step."""
    RUN.mark(journal)


async def nine(journal: str) -> None:
    """The workflow."""
    for _ in range(PAUSE_AFTER):
        await step(journal)
    ASKED[journal].set()
    await DBOS.recv_async("decision", timeout_seconds=600)
    for _ in range(PAUSE_AFTER, STEPS):
        await step(journal)


CONFIG: DBOSConfig = {
    "name": "nine",
    "system_database_url": TASK.database,
    "sys_db_pool_size": CONNECTIONS,
    "log_level": "ERROR",
}
DBOS(config=CONFIG)
step = DBOS.step()(nothing)
workflow = DBOS.workflow()(nine)


class Peer:
    """Journals as workflows."""

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def until_asked(self, journal: str) -> None:
        async with self._room:
            with SetWorkflowID(journal):
                self._handles[journal] = await DBOS.start_workflow_async(workflow, journal)
            await ASKED[journal].wait()

    async def until_done(self, journal: str) -> None:
        async with self._room:
            await DBOS.send_async(journal, "yes", "decision")
            await self._handles[journal].get_result()


async def main() -> None:
    """Launch it inside the loop, so that its workflows run there."""
    DBOS.launch()
    await timing.run(TASK, Peer(), RUN)
    DBOS.destroy()
    RUN.tell()


if __name__ == "__main__":
    asyncio.run(main())
