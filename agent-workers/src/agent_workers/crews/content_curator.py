"""The Content Curator: first the outline of both books, then the text in batches against it."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, Field

from agent_workers.desk import Agent, Desk, InvalidOutput, Result
from journal_contracts import checks
from journal_contracts.artifacts import (
    Day,
    DayBatch,
    DayOutline,
    Frame,
    FrameBatch,
    ImageRequirement,
    Insight,
    Insights,
    Outline,
    Quote,
)
from journal_contracts.product import (
    BOOKS,
    FRAME_WORDS,
    LINES_A_DAY,
    QUESTION_WORDS,
    WARM_UP_WORDS,
    Edition,
    mode_of,
    share_out,
    stage_of,
)

AGENT: Final = Agent(
    name="content_curator",
    role="Author of guided journals",
    goal="Write days that a reader looks forward to, each with one thing to notice, see or do",
    backstory="You write as you would speak to a friend at a kitchen table: concrete, warm, brief.",
)

OUTLINE_TASK: Final = (
    "Outline both books in one go: for each given day an `angle` (the day's idea as a short "
    "phrase) and a `question_kind` that fits its stage (identify: noticing; document: making "
    "sense; action: changing). All angles differ, over both books. The lead magnet is a small "
    "whole of its own, not the first days of the journal."
)
DAYS_TASK: Final = (
    "Write the given days of the book named by `edition`. Each `warm_up` has 190 to 210 words, "
    "rests on the day's insights in your own words, and honours the mode: `act` gives something "
    "to do today, `reflect` something to sit with. Each `question` is one question of 8 to 20 "
    "words that ends with a question mark. `heading` has two to six words. `left` and `right` are "
    "two different pictures: the subject, and an alt text for readers who cannot see it. If there "
    "are `notes`, they say what was wrong before. Short sentences, plain words."
)
FRAME_TASK: Final = (
    "Write what frames the days of the book named by `edition`: an original quote of at most 40 "
    "words with no attribution, and intro, commitment, certificate and closing of 130 to 200 "
    "words each. The commitment and the certificate may address the reader as [Name] with [Date]. "
    "The closing of the lead magnet calls the reader to the full 30-day journal by its title. Add "
    "three pictures: cover, intro and certificate."
)


class DayIdea(BaseModel):
    """One day of the outline as the model gives it."""

    day: int
    angle: str = Field(min_length=1, max_length=200)
    question_kind: str = Field(min_length=1, max_length=200)


class OutlineDraft(BaseModel):
    """What the model is asked for first."""

    journal: list[DayIdea] = Field(min_length=30, max_length=30)
    lead_magnet: list[DayIdea] = Field(min_length=6, max_length=6)


class Picture(BaseModel):
    """A picture the book needs."""

    subject: str = Field(min_length=1, max_length=200)
    alt: str = Field(min_length=1, max_length=250)


class DayDraft(BaseModel):
    """One day as the model writes it; lengths are judged per day, not here."""

    day: int
    heading: str = Field(min_length=1, max_length=80)
    warm_up: str = Field(min_length=1, max_length=4_000)
    question: str = Field(min_length=1, max_length=300)
    left: Picture
    right: Picture


class DaysDraft(BaseModel):
    """A batch of days as the model writes it."""

    days: list[DayDraft]


class FrameDraft(BaseModel):
    """The frame as the model writes it."""

    quote: Quote
    intro: str
    commitment: str
    certificate: str
    closing: str
    cover_picture: Picture
    intro_picture: Picture
    certificate_picture: Picture


async def outline(desk: Desk) -> Result:
    """Outline both books: stage, mode and insights by rule, the ideas by the model."""
    insights = await _insights(desk)
    ordered = {edition: _ordered_days(edition, insights) for edition in Edition}
    brief = await desk.brief(
        days={e: [_shown(day, insights) for day in days] for e, days in ordered.items()}
    )

    draft = await desk.ask_until(AGENT, OutlineDraft, OUTLINE_TASK, brief, _outline_complaints)
    return Result(
        Outline(
            journal=_with_ideas(ordered[Edition.JOURNAL], draft.journal),
            lead_magnet=_with_ideas(ordered[Edition.LEAD_MAGNET], draft.lead_magnet),
        )
    )


async def curation(desk: Desk) -> Result:
    """Write one batch: the frame of a book, or up to five of its days."""
    edition = Edition(desk.order["edition"])
    if desk.order.get("frame"):
        return Result(FrameBatch(edition=edition, frame=await _write_frame(desk, edition)))
    return Result(DayBatch(edition=edition, days=await _write_days(desk, edition)))


async def _write_frame(desk: Desk, edition: Edition) -> Frame:
    brief = await desk.brief(
        edition=edition, days_in_book=BOOKS[edition].days, notes=desk.order.get("notes", [])
    )
    draft = await desk.ask_until(AGENT, FrameDraft, FRAME_TASK, brief, _frame_complaints)
    pictures = {
        place: ImageRequirement(id=f"{edition}-{place}", subject=picture.subject, alt=picture.alt)
        for place, picture in (
            ("cover", draft.cover_picture),
            ("intro", draft.intro_picture),
            ("certificate", draft.certificate_picture),
        )
    }
    return Frame(
        quote=draft.quote,
        intro=draft.intro,
        commitment=draft.commitment,
        certificate=draft.certificate,
        closing=draft.closing,
        cover_picture=pictures["cover"],
        intro_picture=pictures["intro"],
        certificate_picture=pictures["certificate"],
    )


async def _write_days(desk: Desk, edition: Edition) -> tuple[Day, ...]:
    """Write the days; those that are no good are written again alone, so the others stay."""
    whole = await desk.read("outline", Outline)
    insights = await _insights(desk)
    wanted = {d.day: d for d in whole.days_of(edition) if d.day in desk.order["days"]}
    drafts: dict[int, DayDraft] = {}
    missing, notes = list(wanted), list(desk.order.get("notes", []))
    for turn in range(3):
        brief = await desk.brief(
            edition=edition,
            days=[_shown(wanted[day], insights) for day in missing],
            notes=notes,
            round=desk.step.round + turn,
        )
        about = f"again-{turn}" if turn else ""
        answer = await desk.ask(AGENT, DaysDraft, DAYS_TASK, brief, about=about)
        drafts.update({draft.day: draft for draft in answer.days if draft.day in missing})
        complaints = {day: _day_complaints(drafts.get(day)) for day in missing}
        missing = [day for day, wrong in complaints.items() if wrong]
        notes = [f"day {day}: {wrong}" for day in missing for wrong in complaints[day]]
        if not missing:
            break
    if lacking := sorted(wanted.keys() - drafts.keys()):
        raise InvalidOutput(f"the model left out the days {lacking}")
    return tuple(_finished(edition, plan, drafts[day]) for day, plan in wanted.items())


def _finished(edition: Edition, plan: DayOutline, draft: DayDraft) -> Day:
    place = f"{edition}-day-{plan.day:02d}"
    return Day(
        day=plan.day,
        stage=plan.stage,
        mode=plan.mode,
        heading=draft.heading,
        warm_up=draft.warm_up,
        question=draft.question,
        lines=LINES_A_DAY,
        insight_ids=plan.insight_ids,
        pictures=(
            ImageRequirement(id=f"{place}-left", subject=draft.left.subject, alt=draft.left.alt),
            ImageRequirement(id=f"{place}-right", subject=draft.right.subject, alt=draft.right.alt),
        ),
    )


def _outline_complaints(draft: OutlineDraft) -> list[str]:
    angles = [idea.angle.casefold() for idea in (*draft.journal, *draft.lead_magnet)]
    return [] if len(set(angles)) == len(angles) else ["two days have the same angle"]


def _day_complaints(draft: DayDraft | None) -> list[str]:
    if draft is None:
        return ["it is missing"]
    return [
        *_length("warm_up", draft.warm_up, WARM_UP_WORDS),
        *_length("question", draft.question, QUESTION_WORDS),
    ]


def _frame_complaints(draft: FrameDraft) -> list[str]:
    texts = {
        "intro": draft.intro,
        "commitment": draft.commitment,
        "certificate": draft.certificate,
        "closing": draft.closing,
    }
    return [wrong for place, text in texts.items() for wrong in _length(place, text, FRAME_WORDS)]


def _length(place: str, text: str, wanted: tuple[int, int]) -> Sequence[str]:
    count = len(checks.words(text))
    least, most = wanted
    return [] if least <= count <= most else [f"{place} has {count} words, not {least} to {most}"]


async def _insights(desk: Desk) -> dict[str, Insight]:
    if not desk.has("research"):
        return {}
    found = await desk.read("research", Insights)
    return {insight.id: insight for insight in found.insights}


def _ordered_days(edition: Edition, insights: dict[str, Insight]) -> list[DayOutline]:
    shares = share_out(edition, list(insights))
    return [
        DayOutline(
            day=day,
            stage=stage_of(edition, day),
            mode=mode_of(day),
            angle="to be found",
            question_kind="to be found",
            insight_ids=shares[day],
        )
        for day in range(1, BOOKS[edition].days + 1)
    ]


def _with_ideas(days: list[DayOutline], ideas: list[DayIdea]) -> tuple[DayOutline, ...]:
    found = {idea.day: idea for idea in ideas}
    if lacking := sorted({day.day for day in days} - found.keys()):
        raise InvalidOutput(f"the outline lacks the days {lacking}")
    return tuple(
        day.model_copy(
            update={"angle": found[day.day].angle, "question_kind": found[day.day].question_kind}
        )
        for day in days
    )


def _shown(day: DayOutline, insights: dict[str, Insight]) -> dict[str, Any]:
    """A day as the model is told of it, with its insights in full."""
    rests_on = [insights[i].model_dump(include={"id", "kind", "text"}) for i in day.insight_ids]
    return {**day.model_dump(mode="json", exclude={"insight_ids"}), "insights": rests_on}
