"""The Manager: the editorial plan that every agent receives, and the proof of the whole book."""

from typing import Any, Final

from pydantic import TypeAdapter

from agent_workers.desk import Agent, Desk, Result
from agent_workers.manuscripts import examined, joined
from journal_contracts.artifacts import (
    DayBatch,
    EditorialPlan,
    Finding,
    FrameBatch,
    Insights,
    Manuscripts,
    Outline,
    Preferences,
)
from journal_contracts.product import DAYS_A_BATCH, Edition

AGENT: Final = Agent(
    name="manager",
    role="Managing editor of the journal crew",
    goal="Give the crew one plan, so that both books read as if written by one hand",
    backstory="You have steered many books from an idea to print, and you plan before you write.",
)

TASK: Final = (
    "Write the editorial plan for both books: the audience, the voice in one line, a glossary of "
    "the words the books use in one sense only, what to avoid, and what each stage is to do for "
    "the reader: identify (noticing), document (making sense), action (changing)."
)


BATCH: Final[TypeAdapter[FrameBatch | DayBatch]] = TypeAdapter(FrameBatch | DayBatch)


async def editorial_plan(desk: Desk) -> Result:
    """Turn the brief into the plan."""
    preferences = await desk.read("onboarding", Preferences)
    brief = await desk.brief(theme_name=preferences.theme)
    return Result(await desk.ask(AGENT, EditorialPlan, TASK, brief))


async def proof(desk: Desk) -> Result:
    """Join what the batches wrote into two books and measure them; name the days that fail."""
    outline = await desk.read("outline", Outline)
    insights = await desk.read("research", Insights) if desk.has("research") else None
    frames: dict[Edition, FrameBatch] = {}
    days: dict[Edition, list[DayBatch]] = {edition: [] for edition in Edition}
    for key in desk.step.inputs["curation"]:
        batch = BATCH.validate_json(await desk.blobs.get(key))
        if isinstance(batch, FrameBatch):
            frames[batch.edition] = batch
        else:
            days[batch.edition].append(batch)
    preferences = await desk.read("onboarding", Preferences)
    books = {
        edition: joined(desk, edition, preferences, frames[edition].frame, days[edition])
        for edition in Edition
    }
    found = {edition: examined(book, outline, insights) for edition, book in books.items()}
    again = [order for edition, findings in found.items() for order in _orders(edition, findings)]
    manuscripts = Manuscripts(
        journal=books[Edition.JOURNAL], lead_magnet=books[Edition.LEAD_MAGNET], findings=found
    )
    return Result(manuscripts, {"again": again})


def _orders(edition: Edition, findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """What is to be written again: the days that fail, in batches, and the frame if it does."""
    by_day: dict[int, list[str]] = {}
    for finding in findings:
        if finding.day is not None:
            by_day.setdefault(finding.day, []).append(finding.detail)
    orders: list[dict[str, Any]] = []
    days = sorted(by_day)
    for at in range(0, len(days), DAYS_A_BATCH):
        batch = days[at : at + DAYS_A_BATCH]
        notes = [f"day {day}: {note}" for day in batch for note in by_day[day][:3]]
        part = f"{edition}-days-{batch[0]:02d}-{batch[-1]:02d}"
        orders.append({"part": part, "edition": edition, "days": batch, "notes": notes})
    of_frame = [finding.detail for finding in findings if finding.day is None]
    if of_frame:
        part = f"{edition}-frame"
        orders.append({"part": part, "edition": edition, "frame": True, "notes": of_frame})
    return orders
