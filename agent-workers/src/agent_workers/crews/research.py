"""Research: exactly as many insights as were ordered, each with where it comes from."""

from typing import Final, Literal

from pydantic import BaseModel, Field

from agent_workers.desk import Agent, Desk, InvalidOutput, Result
from journal_contracts.artifacts import Insight, Insights, Source

AGENT: Final = Agent(
    name="research",
    role="Researcher for self-help and wellbeing books",
    goal="Gather what is worth knowing about the theme, honestly",
    backstory="You would rather leave a claim out than print one you cannot stand behind.",
)

TASK: Final = (
    "Give exactly `count` insights about the theme, each one or two sentences: a mix of "
    "`background` (how it comes about), `benefit` (what changes with practice) and `tip` "
    "(something to do). No two alike; no invented studies, numbers or quotations; no medical "
    "promises."
)


class Found(BaseModel):
    """One insight as the model gives it."""

    kind: Literal["background", "benefit", "tip"]
    text: str = Field(min_length=1, max_length=300)


class ResearchDraft(BaseModel):
    """What the model is asked for."""

    insights: list[Found]


async def research(desk: Desk) -> Result:
    """Research the theme to the ordered depth; all of it is the model's own knowledge as yet."""
    count = desk.order["count"]
    brief = await desk.brief(count=count)

    def miscounted(draft: ResearchDraft) -> list[str]:
        given = len(draft.insights)
        return [] if given == count else [f"{given} insights were given, {count} are ordered"]

    draft = await desk.ask_until(AGENT, ResearchDraft, TASK, brief, miscounted)
    source = Source(kind="model", reference=desk.model)
    insights = tuple(
        Insight(id=f"i{number:02d}", kind=found.kind, text=found.text, source=source)
        for number, found in enumerate(draft.insights[:count], 1)
    )
    if len(insights) < count:
        raise InvalidOutput(f"research gave {len(insights)} of {count} insights")
    return Result(Insights(insights=insights))
