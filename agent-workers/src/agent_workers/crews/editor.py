"""The Editor: tone, clarity and style; shows before and after, and never leaves a text worse."""

import re
from typing import Final

from pydantic import BaseModel, Field

from agent_workers.desk import Agent, Desk, Result
from journal_contracts import checks
from journal_contracts.artifacts import Change, Day, EditedBatch, Manuscripts
from journal_contracts.harms import harms_in
from journal_contracts.product import QUESTION_WORDS, WARM_UP_WORDS, Edition

AGENT: Final = Agent(
    name="editor",
    role="Line editor of guided journals",
    goal="Make every sentence easier to read and truer to the voice, and leave good ones alone",
    backstory="You cut what is not needed, and you never make a text longer to make it better.",
)

TASK: Final = (
    "Edit the given days in the author style: tighten, replace weak words, mend rhythm. Keep the "
    "idea and the length: each `warm_up` stays between 185 and 215 words, each `question` between "
    "8 and 20 words with one question mark. Where `notes` name a section, do what they ask there "
    "first. Give all days back, changed or not, and list under `changes` the section, the passage "
    "before and after, and the reason in a few words."
)


class EditedDay(BaseModel):
    """One day as the model gives it back."""

    day: int
    warm_up: str = Field(min_length=1, max_length=4_000)
    question: str = Field(min_length=1, max_length=300)


class EditDraft(BaseModel):
    """What the model is asked for."""

    days: list[EditedDay]
    changes: list[Change] = Field(default_factory=list)


async def editing(desk: Desk) -> Result:
    """Edit up to five days, from the last version the user saw."""
    edition = Edition(desk.order["edition"])
    days = [day for day in await _latest(desk, edition) if day.day in desk.order["days"]]
    brief = await desk.brief(
        edition=edition,
        days=[day.model_dump(include={"day", "heading", "warm_up", "question"}) for day in days],
        notes=desk.order["notes"],
    )
    draft = await desk.ask(AGENT, EditDraft, TASK, brief)
    edited = {day.day: day for day in draft.days}
    after = tuple(_better(day, edited.get(day.day)) for day in days)
    kept = {day.day for day, new in zip(days, after, strict=True) if new != day}
    changes = tuple(c for c in draft.changes if _day_of(c.section) in kept)
    return Result(EditedBatch(edition=edition, days=after, changes=changes))


def _day_of(section: str) -> int | None:
    """Sections are named like "day 3 warm-up"."""
    number = re.match(r"day (\d+)", section)
    return int(number[1]) if number else None


async def _latest(desk: Desk, edition: Edition) -> list[Day]:
    manuscript = (await desk.read("proof", Manuscripts)).of(edition)
    days = {day.day: day for day in manuscript.days}
    if desk.has("editing"):
        for batch in await desk.read_all("editing", EditedBatch):
            if batch.edition is edition:
                days.update({day.day: day for day in batch.days})
    return list(days.values())


def _better(day: Day, edited: EditedDay | None) -> Day:
    """The edited day, unless it breaks a measure that the day held before."""
    if edited is None:
        return day
    new = day.model_copy(update={"warm_up": edited.warm_up, "question": edited.question})
    return day if _faults(new) - _faults(day) else new


def _faults(day: Day) -> set[str]:
    """The measured checks that one day alone can break."""
    faults = {
        "warm_up": not WARM_UP_WORDS[0] <= len(checks.words(day.warm_up)) <= WARM_UP_WORDS[1],
        "question": not QUESTION_WORDS[0] <= len(checks.words(day.question)) <= QUESTION_WORDS[1],
        "one_question": day.question.count("?") != 1,
        "markup": bool(checks.MARKUP.search(day.warm_up + day.question)),
        "brackets": bool(checks.BRACKETED.search(day.warm_up + day.question)),
        "harm": bool(harms_in(f"{day.warm_up}\n{day.question}")),
    }
    return {name for name, broken in faults.items() if broken}
