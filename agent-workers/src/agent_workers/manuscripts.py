"""Joining a book from its batches, and measuring it: the same for the proof and for the binding."""

from typing import Final

import structlog

from agent_workers.desk import Desk, MissingInput
from agent_workers.models.offline import OFFLINE
from journal_contracts import checks
from journal_contracts.artifacts import (
    AuthorStyle,
    DayBatch,
    DayOutline,
    Finding,
    Frame,
    Insights,
    Manuscript,
    Manuscripts,
    Outline,
    Preferences,
    Title,
)
from journal_contracts.drafts import EDITED_PART, with_edits
from journal_contracts.product import BOOKS, Edition

log = structlog.get_logger()

NOTICE: Final = (
    "This journal is a companion for reflection. It is no therapy and takes the place of no "
    "doctor, counsellor or treatment. If what comes up feels too heavy to carry alone, talk to "
    "someone you trust or to a professional. In a crisis, or if you might be in danger, call your "
    "local emergency number, or a crisis line: in the US and Canada call or text 988, in the UK "
    "and Ireland call 116 123, elsewhere see findahelpline.com."
)
"""The notice in every book; a crisis line per country, since readers are everywhere."""


def joined(
    desk: Desk, edition: Edition, preferences: Preferences, frame: Frame, batches: list[DayBatch]
) -> Manuscript:
    """One book from its batches; of two that hold the same day the later one counts."""
    days = {day.day: day for batch in batches for day in batch.days}
    missing = [day for day in range(1, BOOKS[edition].days + 1) if day not in days]
    if missing:
        raise MissingInput(f"the {edition} lacks the days {missing}")
    known = desk.step.brief
    return Manuscript(
        edition=edition,
        title=known.title or Title(text=preferences.theme),
        theme=known.theme,
        audience=known.audience or preferences.audience,
        author_style=known.author_style or AuthorStyle(label="House style", line="Plain and warm."),
        language=known.language,
        written_by=desk.model,
        sample_text=OFFLINE in desk.model,
        notice=NOTICE,
        frame=frame,
        days=tuple(days[number] for number in sorted(days)),
    )


async def edited(desk: Desk) -> list[Manuscript]:
    """Both books with every edit that was made, the journal first."""
    proofed = await desk.read("proof", Manuscripts)
    keys = desk.keys_of("editing") if desk.has("editing") else ()
    parts = [EDITED_PART.validate_json(await desk.blobs.get(key)) for key in keys]
    return [with_edits(book, parts) for book in (proofed.journal, proofed.lead_magnet)]


async def final(desk: Desk) -> list[Manuscript]:
    """Both books as they are bound: with the edits, or without where those cost a check."""
    proofed = await desk.read("proof", Manuscripts)
    outline, insights = await ordered(desk)
    books = []
    for manuscript in await edited(desk):
        before = proofed.of(manuscript.edition)
        if manuscript != before and (worse := examined(manuscript, outline, insights)):
            log.warning("edits_left_out", edition=manuscript.edition, findings=len(worse))
            books.append(before)
        else:
            books.append(manuscript)
    return books


async def ordered(desk: Desk) -> tuple[Outline, Insights | None]:
    """What was ordered of both books."""
    insights = await desk.read("research", Insights) if desk.has("research") else None
    return await desk.read("outline", Outline), insights


def examined(
    manuscript: Manuscript, outline: Outline, insights: Insights | None
) -> tuple[Finding, ...]:
    """Every check the book does not hold."""
    return checks.examine(as_ordered(manuscript, outline, insights))


def as_ordered(manuscript: Manuscript, outline: Outline, insights: Insights | None) -> checks.Book:
    """The book beside what was ordered of it."""
    days: tuple[DayOutline, ...] = outline.days_of(manuscript.edition)
    ids = frozenset(insight.id for insight in insights.insights) if insights else frozenset()
    return checks.Book(manuscript, days, ids)
