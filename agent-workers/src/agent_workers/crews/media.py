"""Media: one visual style for the journal, then one picture for each requirement."""

import asyncio
from typing import Final

from agent_workers.desk import Agent, Desk, MissingInput, Result
from agent_workers.paint import paint
from journal_contracts.artifacts import (
    Illustration,
    ImageRequirement,
    Manuscripts,
    Preferences,
    VisualStyle,
)

AGENT: Final = Agent(
    name="media",
    role="Art director of illustrated journals",
    goal="Give both books one calm look that fits the theme",
    backstory="You choose few colours and few shapes, and you use them with conviction.",
)

TASK: Final = (
    "Choose the visual style of the journal: a short name, five colours as #rrggbb from light to "
    "dark (`paper`, `pale`, `mid`, `strong`, `ink`; ink on paper at least 7:1 in contrast, strong "
    "on paper at least 4.5:1), and two to six `motifs` out of hills, waves, leaves, orbits, "
    "paths, petals."
)


async def art_direction(desk: Desk) -> Result:
    """Choose the look of all pictures."""
    preferences = await desk.read("onboarding", Preferences)
    brief = await desk.brief(theme_name=preferences.theme)
    return Result(await desk.ask(AGENT, VisualStyle, TASK, brief))


async def illustration(desk: Desk) -> Result:
    """Paint one picture, by the house's procedural painter."""
    wanted = desk.order["picture"]
    style = await desk.read("art_direction", VisualStyle)
    requirement = _requirement(await desk.read("proof", Manuscripts), wanted)
    svg = await asyncio.to_thread(paint, requirement, style, str(desk.step.journal_id))
    key = f"{desk.folder}/pictures/{wanted}.{desk.step.attempt}.svg"
    blob = await desk.blobs.put(key, svg.encode(), "image/svg+xml")
    return Result(Illustration(requirement_id=wanted, alt=requirement.alt, blob=blob))


def _requirement(manuscripts: Manuscripts, wanted: str) -> ImageRequirement:
    for manuscript in (manuscripts.journal, manuscripts.lead_magnet):
        for requirement in manuscript.pictures:
            if requirement.id == wanted:
                return requirement
    raise MissingInput(f"no manuscript asks for the picture {wanted}")
