"""The Manager: the plan that every agent receives, the proof of the whole book, and the reviews."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, TypeAdapter

from agent_workers.desk import Agent, Desk, Result
from agent_workers.manuscripts import edited, examined, joined, ordered
from journal_contracts.artifacts import (
    DayBatch,
    EditorialPlan,
    Finding,
    FrameBatch,
    Manuscript,
    Manuscripts,
    Preferences,
    Review,
    ReviewNote,
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


REVIEW_TASK: Final = (
    "Read both books as their buyer would, against the editorial plan: the voice, the words in "
    "their one sense, what is to be avoided, what each stage is to do. `measured` lists what the "
    "measured checks found. Accept, or ask for a revision with notes: each names the edition, the "
    "day (none for the texts around the days) and, in one sentence, what is to be different. At "
    "most eight notes, only where a reader would notice; accept where there is nothing of weight."
)
MOST_NOTES: Final = 8
BATCH: Final[TypeAdapter[FrameBatch | DayBatch]] = TypeAdapter(FrameBatch | DayBatch)


async def editorial_plan(desk: Desk) -> Result:
    """Turn the brief into the plan."""
    preferences = await desk.read("onboarding", Preferences)
    brief = await desk.brief(theme_name=preferences.theme)
    return Result(await desk.ask(AGENT, EditorialPlan, TASK, brief))


class ReviewDraft(BaseModel):
    """What the model is asked for."""

    verdict: Literal["accept", "revise"]
    summary: str = Field(min_length=1, max_length=300)
    notes: list[ReviewNote] = Field(default_factory=list)


async def proof(desk: Desk) -> Result:
    """Join what the batches wrote into two books and measure them; name the days that fail."""
    outline, insights = await ordered(desk)
    frames: dict[Edition, FrameBatch] = {}
    days: dict[Edition, list[DayBatch]] = {edition: [] for edition in Edition}
    for key in desk.keys_of("curation"):
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
    manuscripts = Manuscripts(
        journal=books[Edition.JOURNAL], lead_magnet=books[Edition.LEAD_MAGNET], findings=found
    )
    return Result(manuscripts, {"again": list(_to_write_again(_measured(found)))})


async def review(desk: Desk) -> Result:
    """Read what was written; what is to be revised goes back to the Content Curator."""
    verdict = await _reviewed(desk)
    return Result(verdict, {"again": list(_to_write_again(verdict.notes)), **_told(verdict)})


async def editing_review(desk: Desk) -> Result:
    """Read what was edited; what is to be revised goes back to the Editor."""
    verdict = await _reviewed(desk)
    return Result(verdict, {"again": list(_to_edit_again(verdict.notes)), **_told(verdict)})


async def _reviewed(desk: Desk) -> Review:
    """Measure, read, and decide: what falls below a measure is revised, whatever is said of it."""
    outline, insights = await ordered(desk)
    books = await edited(desk)
    found = {book.edition: examined(book, outline, insights) for book in books}
    measured = list(_measured(found))
    brief = await desk.brief(
        measured=[note.model_dump(mode="json") for note in measured],
        books={book.edition: _shown(book) for book in books},
    )
    draft = await desk.ask(AGENT, ReviewDraft, REVIEW_TASK, brief)
    read = draft.notes[:MOST_NOTES] if draft.verdict == "revise" else []
    notes = (*measured, *(note for note in read if _is_in(note, books)))
    return Review(
        verdict="revise" if notes else "accept",
        summary=draft.summary,
        notes=notes,
        findings=found,
    )


def _told(verdict: Review) -> dict[str, Any]:
    """What the history keeps of a review."""
    return {"verdict": verdict.verdict, "summary": verdict.summary}


def _shown(book: Manuscript) -> list[dict[str, Any]]:
    """A book as it is read: the frame, then the days."""
    frame = book.frame.model_dump(include={"intro", "commitment", "certificate", "closing"})
    words = {"day", "heading", "warm_up", "question"}
    return [{"day": None, **frame}, *(day.model_dump(include=words) for day in book.days)]


def _is_in(note: ReviewNote, books: Iterable[Manuscript]) -> bool:
    days = {(book.edition, day.day) for book in books for day in book.days}
    return note.day is None or (note.edition, note.day) in days


def _measured(found: dict[Edition, tuple[Finding, ...]]) -> Iterator[ReviewNote]:
    """What the checks found, as notes."""
    for edition, findings in found.items():
        for finding in findings:
            yield ReviewNote(edition=edition, day=finding.day, note=finding.detail[:300])


def _to_write_again(notes: Iterable[ReviewNote]) -> Iterator[dict[str, Any]]:
    """Orders for the Content Curator: days in batches, and the frame of a book."""
    for edition, by_day in _by_place(notes).items():
        for part, days in _batches(edition, by_day):
            said = [f"day {day}: {note}" for day in days for note in by_day[day][:3]]
            yield {"part": part, "edition": edition, "days": days, "notes": said}
        if of_frame := by_day.get(None):
            part = f"{edition}-frame"
            yield {"part": part, "edition": edition, "frame": True, "notes": of_frame}


def _to_edit_again(notes: Iterable[ReviewNote]) -> Iterator[dict[str, Any]]:
    """Orders for the Editor, whose notes stand under the names of their sections."""
    for edition, by_day in _by_place(notes).items():
        for part, days in _batches(edition, by_day):
            said = {f"{edition} day {day}": " ".join(by_day[day][:3]) for day in days}
            yield {"part": part, "edition": edition, "days": days, "notes": said}
        if of_frame := by_day.get(None):
            part, said = f"{edition}-frame", {f"{edition} frame": " ".join(of_frame[:3])}
            yield {"part": part, "edition": edition, "frame": True, "notes": said}


Places = dict[int | None, list[str]]


def _by_place(notes: Iterable[ReviewNote]) -> dict[Edition, Places]:
    found: dict[Edition, Places] = {}
    for note in notes:
        found.setdefault(note.edition, {}).setdefault(note.day, []).append(note.note)
    return found


def _batches(edition: Edition, by_day: Places) -> Iterator[tuple[str, list[int]]]:
    """The days in batches of at most five, each with the name of its part."""
    days = sorted(day for day in by_day if day is not None)
    for at in range(0, len(days), DAYS_A_BATCH):
        batch = days[at : at + DAYS_A_BATCH]
        yield f"{edition}-days-{batch[0]:02d}-{batch[-1]:02d}", batch
