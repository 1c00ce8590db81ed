"""What is written in the crew's bench, by ours and by CrewAI alone."""

from typing import Final

from pydantic import BaseModel

from agent_workers.desk import Agent, Desk, Result

PHASE: Final = "editing"
AGENT: Final = Agent(
    name="editor",
    role="Line editor of guided journals",
    goal="Make every sentence easier to read",
    backstory="You cut what is not needed.",
)
TASK: Final = "Write three lines about the morning."


class Lines(BaseModel):
    """What is wanted."""

    lines: list[str]


ANSWER: Final = Lines(lines=["Light on the sill.", "A cup.", "The page is open."]).model_dump_json()


async def write(desk: Desk) -> Result:
    """The phase that is measured: one question with its brief, and the result stored."""
    return Result(await desk.ask(AGENT, Lines, TASK, await desk.brief()))
