"""The Editor: tone, clarity and style; shows before and after, and never leaves a text worse."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final

from pydantic import BaseModel, Field

from agent_workers.desk import Agent, Desk, Result
from agent_workers.manuscripts import edited
from agent_workers.notes import for_days, for_frame
from journal_contracts import checks
from journal_contracts.artifacts import (
    Change,
    Day,
    EditedBatch,
    EditedFrame,
    Finding,
    Frame,
    Manuscript,
    Quote,
)
from journal_contracts.drafts import revised
from journal_contracts.product import Edition

AGENT: Final = Agent(
    name="editor",
    role="Line editor of guided journals",
    goal="Make every sentence easier to read and truer to the voice, and leave good ones alone",
    backstory="You cut what is not needed, and you never make a text longer to make it better.",
)

TASK: Final = (
    "Edit the given days in the author style: tighten, replace weak words, mend rhythm. Keep the "
    "idea and the length: each `warm_up` stays between 185 and 215 words, each `question` between "
    "8 and 20 words with one question mark. Where `notes` name a day, they are wishes: "
    "do what they ask there, and nothing else. Where `refused` names a day, that is why your last "
    "version of it was not taken. Give all days back, changed or not, and list under `remarks` for "
    'each change its section ("day 3 warm-up" or "day 3 question"), the passage as it is now, and '
    "the reason in a few words."
)
FRAME_TASK: Final = (
    "Edit the given texts that frame the days of the book named by `edition`: under `notes` stands "
    "what is wished of each. Do what they ask, and nothing else; keep the author style, the "
    "reader's own [Name] and [Date], and the length: a quote has at most 40 words, every other "
    "text between 125 and 210. Where `refused` names a text, that is why your last version of it "
    "was not taken. Give the texts back under their names, and list under `remarks` for each "
    "change its section (the name), the passage as it is now, and the reason in a few words."
)
SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+")
OF_A_DAY: Final = ("warm_up_words", "question_words", "clean_text", "safety", "personal_data")
OF_A_FRAME: Final = (
    *("frame_words", "clean_text", "safety", "personal_data"),
    *("words_in_all", "repeats"),
)
OF_THE_BOOK: Final = ("words_in_all", "distinct_questions", "reading_ease", "repeats")
TURNS: Final = 3
BY_NOTE, BY_ITSELF = "The notes on the draft asked for it.", "Reads more easily."


class EditedDay(BaseModel):
    """One day as the model gives it back."""

    day: int
    warm_up: str = Field(min_length=1, max_length=4_000)
    question: str = Field(min_length=1, max_length=300)


class Remark(BaseModel):
    """Why a passage was changed; what it was before is for us to see."""

    section: str
    after: str = ""
    reason: str


class EditDraft(BaseModel):
    """What the model is asked for."""

    days: list[EditedDay]
    remarks: list[Remark] = Field(default_factory=list)


class FrameEdit(BaseModel):
    """What the model is asked for where notes are about the frame; texts not given stay."""

    quote: str | None = None
    intro: str | None = None
    commitment: str | None = None
    certificate: str | None = None
    closing: str | None = None
    remarks: list[Remark] = Field(default_factory=list)


async def editing(desk: Desk) -> Result:
    """Edit a part of the version the user saw: the frame of a book, or up to five of its days.

    After notes only what they name is changed; the frame is changed after notes alone.
    """
    edition = Edition(desk.order["edition"])
    book = await _latest(desk, edition)
    if desk.order.get("frame"):
        return Result(await _edited_frame(desk, book))
    days = [day for day in book.days if day.day in desk.order["days"]]
    notes = for_days(desk.order["notes"], edition, desk.order["days"])
    open_to_change = [day for day in days if day.day in notes or not desk.order["notes"]]
    after, remarks = await _edited(desk, book, open_to_change, notes)
    changes = [
        change
        for day in open_to_change
        for change in changes_between(day, after.get(day.day, day), remarks, day.day in notes)
    ]
    kept = tuple(after.get(day.day, day) for day in days)
    return Result(EditedBatch(edition=edition, days=kept, changes=tuple(changes)))


async def _edited(
    desk: Desk, book: Manuscript, days: Sequence[Day], notes: Mapping[int, str]
) -> tuple[dict[int, Day], list[Remark]]:
    """The days that were changed for the better. A wish that failed is tried again, twice."""
    after: dict[int, Day] = {}
    remarks: list[Remark] = []
    left, refused = list(days), dict[int, list[str]]()
    for turn in range(TURNS):
        if not left:
            break
        brief = await desk.brief(
            edition=book.edition,
            days=[day.model_dump(include=SHOWN) for day in left],
            notes={f"day {day.day}": notes[day.day] for day in left if day.day in notes},
            refused={f"day {day}": why for day, why in refused.items()},
            round=desk.step.round + turn,
        )
        draft = await desk.ask(AGENT, EditDraft, TASK, brief, about=f"again-{turn}" * bool(turn))
        remarks += draft.remarks
        refused = {}
        for day, new in _pairs(left, draft):
            whole = revised(book, after.values())
            if worse := worse_by(whole, day, new):
                refused[day.day] = worse
            elif new != day:
                after[day.day] = new
        left = [day for day in left if day.day in refused and day.day in notes]
    return after, remarks


async def _edited_frame(desk: Desk, book: Manuscript) -> EditedFrame:
    """The frame with every wish that left it no worse. One that failed is tried again, twice."""
    notes = for_frame(desk.order["notes"], book.edition)
    frame, remarks = book.frame, list[Remark]()
    left, refused = dict(notes), dict[str, list[str]]()
    for turn in range(TURNS):
        if not left:
            break
        brief = await desk.brief(
            edition=book.edition,
            texts={name: _text(frame, name) for name in left},
            notes=left,
            refused=refused,
            round=desk.step.round + turn,
        )
        draft = await desk.ask(
            AGENT, FrameEdit, FRAME_TASK, brief, about=f"again-{turn}" * bool(turn)
        )
        remarks += draft.remarks
        refused = {}
        for name in left:
            new = _with_text(frame, name, getattr(draft, name) or _text(frame, name))
            if worse := _frame_worse_by(book, frame, new):
                refused[name] = worse
            else:
                frame = new
        left = {name: notes[name] for name in refused}
    changes = tuple(
        change
        for name in notes
        for change in _changes(name, _text(book.frame, name), _text(frame, name), remarks, BY_NOTE)
    )
    return EditedFrame(edition=book.edition, frame=frame, changes=changes)


def _text(frame: Frame, name: str) -> str:
    return frame.quote.text if name == "quote" else str(getattr(frame, name))


def _with_text(frame: Frame, name: str, text: str) -> Frame:
    plain = text.strip()
    if name != "quote":
        return frame.model_copy(update={name: plain})
    quote = Quote.model_construct(text=plain, attribution=frame.quote.attribution)
    return frame.model_copy(update={"quote": quote})


def _frame_worse_by(book: Manuscript, frame: Frame, new: Frame) -> list[str]:
    """What the book would no longer hold with the new frame in the place of the old one."""
    before, after = (
        {found.detail for found in checks.examine(checks.Book(whole), OF_A_FRAME)}
        for whole in (revised(book, (), each) for each in (frame, new))
    )
    return sorted(after - before)


SHOWN: Final = {"day", "heading", "warm_up", "question"}


def _pairs(days: Sequence[Day], draft: EditDraft) -> Iterator[tuple[Day, Day]]:
    given = {each.day: each for each in draft.days}
    for day in days:
        if new := given.get(day.day):
            yield day, day.model_copy(update={"warm_up": new.warm_up, "question": new.question})


def worse_by(book: Manuscript, day: Day, new: Day) -> list[str]:
    """What the book would no longer hold with the new day in the place of the old one."""
    if new == day:
        return []
    before, after = (revised(book, [each]) for each in (day, new))
    held = {(finding.check, finding.day) for finding in _findings(before, day)}
    return [
        *(found.detail for found in _findings(after, new) if (found.check, found.day) not in held),
        *_likenesses(book, day, new),
    ]


def _findings(book: Manuscript, day: Day) -> Iterator[Finding]:
    alone = book.model_copy(update={"days": (day,)})
    for found in checks.examine(checks.Book(alone), OF_A_DAY):
        if found.day == day.day:
            yield found
    yield from checks.examine(checks.Book(book), OF_THE_BOOK)


def _likenesses(book: Manuscript, day: Day, new: Day) -> Iterator[str]:
    """The days that the new warm-up has come too near to."""
    for other in book.days:
        share = checks.shared_share(new.warm_up, other.warm_up)
        nearer = share > checks.shared_share(day.warm_up, other.warm_up)
        if other.day != day.day and nearer and share > checks.SHARED_SEQUENCES:
            yield f"the warm-up shares {share:.0%} with day {other.day}"


async def _latest(desk: Desk, edition: Edition) -> Manuscript:
    """The book as the user saw it last."""
    return next(book for book in await edited(desk) if book.edition is edition)


def changes_between(old: Day, new: Day, remarks: Sequence[Remark], asked: bool) -> Iterator[Change]:
    """Each passage that differs, as it was and as it is; only the reason is the model's word."""
    for part, before, after in (
        ("warm-up", old.warm_up, new.warm_up),
        ("question", old.question, new.question),
    ):
        why = BY_NOTE if asked else BY_ITSELF
        yield from _changes(f"day {old.day} {part}", before, after, remarks, why)


def _changes(
    section: str, before: str, after: str, remarks: Sequence[Remark], why: str
) -> Iterator[Change]:
    for was, now in _differing(SENTENCE.split(before), SENTENCE.split(after)):
        reason = _reason(section, now, remarks) or why
        yield Change(section=section, before=was, after=now, reason=reason)


def _differing(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    """Runs of sentences that differ; what came or went is shown with the sentence beside it."""
    for kind, a, b, c, d in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        beside = 0 if a < b and c < d else 1
        start = min(beside, a, c)
        end = beside if not start else 0
        yield " ".join(before[a - start : b + end]), " ".join(after[c - start : d + end])


def _reason(section: str, now: str, remarks: Sequence[Remark]) -> str | None:
    """The reason given for this passage, or else for its section."""
    of_section = [r for r in remarks if _plain(r.section) == _plain(section)]
    spoken = set(checks.words(now))
    near = [r for r in of_section if r.after and set(checks.words(r.after)) <= spoken]
    return next((r.reason for r in (*near, *of_section)), None)


def _plain(section: str) -> str:
    return re.sub(r"[\W_]", "", section.lower())
