"""Onboarding: makes the user's request clear, and suggests five ways of writing."""

from typing import Final

from pydantic import BaseModel, Field

from agent_workers.desk import Agent, Desk, Result
from journal_contracts.artifacts import AuthorStyle, Preferences

AGENT: Final = Agent(
    name="onboarding",
    role="Onboarding editor of a journal publisher",
    goal="Understand what the user wants and say it clearly for the crew",
    backstory="You have welcomed many people with an idea, and you listen before you write.",
)

TASK: Final = (
    "Read the request. Give the theme as a short noun phrase in lower case that works inside a "
    "sentence, name the audience in one line, and suggest five author styles that differ clearly: "
    "each a label of two or three words and one line on its manner. Never name a living person."
)


class Welcome(BaseModel):
    """What the model is asked for."""

    theme_name: str = Field(min_length=1, max_length=120)
    audience: str = Field(min_length=1, max_length=300)
    styles: list[AuthorStyle] = Field(min_length=5, max_length=5)


async def onboarding(desk: Desk) -> Result:
    """Normalise the request into preferences."""
    answer = await desk.ask(AGENT, Welcome, TASK, await desk.brief())
    known = desk.step.brief
    preferences = Preferences(
        theme=answer.theme_name,
        audience=known.audience or answer.audience,
        language=known.language,
        title_style=known.title_style,
        author_styles=tuple(answer.styles),
    )
    styles = [style.model_dump() for style in answer.styles]
    return Result(preferences, {"styles": styles, "audience": preferences.audience})
