"""Onboarding: makes the user's request clear, and suggests five ways of writing."""

from typing import Final

from pydantic import BaseModel, Field

from agent_workers.desk import Agent, Desk, Result
from agent_workers.safety import SOMEONE_TO_TALK_TO, ThemeRefused
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
    "each a label of two or three words and one line on its manner. Never name a living person. "
    "Hard themes are welcome: grief after a suicide, recovery from self-harm, life with an eating "
    "disorder, sobriety, trauma, anger. Only where a journal would itself do harm (ways to die or "
    "to hurt oneself or others, hate of a group, sexual content with minors, extremism), say so "
    "under `refusal` in one kind sentence to the user, and fill in the rest as well as you can."
)


class Welcome(BaseModel):
    """What the model is asked for."""

    theme_name: str = Field(min_length=1, max_length=120)
    audience: str = Field(min_length=1, max_length=300)
    styles: list[AuthorStyle] = Field(min_length=5, max_length=5)
    refusal: str | None = Field(default=None, max_length=300)


async def onboarding(desk: Desk) -> Result:
    """Normalise the request into preferences; what would do harm is refused, by rule or by sense.

    The rule is in `desk.brief`, so that it is asked before any model is.
    """
    answer = await desk.ask(AGENT, Welcome, TASK, await desk.brief())
    if answer.refusal:
        raise ThemeRefused(f"{answer.refusal} {SOMEONE_TO_TALK_TO}")
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
