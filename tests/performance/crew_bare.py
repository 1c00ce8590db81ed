"""`python -m tests.performance.crew_bare ORDER`: CrewAI alone, with the same model and question.

A fresh agent and task each time, `aexecute_sync`, its listeners removed; nothing of ours is there.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from agent_workers.environment import prepare

from .timing import percentile
from .writing import AGENT, ANSWER, TASK, Lines


async def main(runs: int) -> dict[str, float]:
    """One after the other: CPU a run, and the median."""
    from crewai import Agent, BaseLLM, Task
    from crewai.events import crewai_event_bus

    class InstantModel(BaseLLM):
        def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
            return ANSWER

    async def run() -> float:
        began = time.monotonic()
        agent = Agent(
            role=AGENT.role,
            goal=AGENT.goal,
            backstory=AGENT.backstory,
            llm=InstantModel(model="instant", provider="instant"),
            allow_delegation=False,
            max_iter=2,
            max_retry_limit=0,
            respect_context_window=False,
            verbose=False,
        )
        task = Task(
            description=TASK, expected_output="Lines, as JSON", agent=agent, output_pydantic=Lines
        )
        await task.aexecute_sync()
        return time.monotonic() - began

    with crewai_event_bus.scoped_handlers():
        for _ in range(20):
            await asyncio.create_task(run())
        cpu = time.process_time()
        seconds = [await asyncio.create_task(run()) for _ in range(runs)]
        cpu = time.process_time() - cpu
    milliseconds = [1000 * each for each in seconds]
    return {"cpu_ms": round(1000 * cpu / runs, 2), "p50_ms": percentile(milliseconds, 50)}


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    prepare(Path(order["state"]))
    sys.stdout.write(f"{json.dumps(asyncio.run(main(order['runs'])))}\n")
