"""`python -m tests.performance.peers.langgraph TASK`: nine nodes of LangGraph, kept in PostgreSQL.

One saver does one thing at a time, so there are eight of them over one pool of connections, and
32 journals run side by side: of all that was tried up to 16 and 128 these gave it the most steps.
Checkpoints are written as its default has it ("async": while the next node runs already), which
promises less than a commit before each step.
"""

import asyncio
from typing import Any, Final, TypedDict

from langgraph.checkpoint.postgres.aio import (  # type: ignore[import-not-found] # its own Python
    AsyncPostgresSaver,
)
from langgraph.graph import START, StateGraph  # type: ignore[import-not-found]
from langgraph.types import Command, interrupt  # type: ignore[import-not-found]
from psycopg.rows import dict_row  # type: ignore[import-not-found]
from psycopg_pool import AsyncConnectionPool  # type: ignore[import-not-found]

from tests.performance import timing
from tests.performance.timing import PAUSE_AFTER, STEPS, Run, Task

SAVERS: Final = 8
SIDE_BY_SIDE: Final = 32


class State(TypedDict):
    """What a journal remembers."""

    journal: str
    done: int


class Peer:
    """Journals as threads of a graph."""

    def __init__(self, graphs: list[Any]) -> None:
        self._graphs = graphs
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def until_asked(self, journal: str) -> None:
        await self._invoke(journal, {"journal": journal, "done": 0})

    async def until_done(self, journal: str) -> None:
        await self._invoke(journal, Command(resume="yes"))

    async def _invoke(self, journal: str, what: Any) -> None:
        graph = self._graphs[hash(journal) % len(self._graphs)]
        async with self._room:
            await graph.ainvoke(what, {"configurable": {"thread_id": journal}})


def nine(run: Run) -> Any:
    """The graph, not yet compiled."""
    graph = StateGraph(State)
    before = START
    for n in range(1, STEPS + 1):
        graph.add_node(str(n), _node(n, run))
        graph.add_edge(before, str(n))
        before = str(n)
    return graph


def _node(n: int, run: Run) -> Any:
    async def step(state: State) -> dict[str, int]:
        if n == PAUSE_AFTER + 1:
            interrupt("Go on?")
        run.mark(state["journal"])
        return {"done": n}

    return step


async def main(task: Task) -> None:
    """Open the pool, make the tables, run."""
    run = Run(task.journals)
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(
        task.database, min_size=SAVERS, max_size=SAVERS, kwargs=options
    ) as pool:
        savers = [AsyncPostgresSaver(pool) for _ in range(SAVERS)]
        await savers[0].setup()
        graphs = [nine(run).compile(checkpointer=saver) for saver in savers]
        await timing.run(task, Peer(graphs), run)
    run.tell()


if __name__ == "__main__":
    asyncio.run(main(Task.given()))
