"""The Manager's reviews: what is measured, what it reads, and who is sent back to what (R1.1a)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from agent_workers.bind import Press
from agent_workers.briefs import brief_in
from agent_workers.crews import CREWS
from agent_workers.crews.manager import ReviewDraft
from agent_workers.desk import Agent, Desk, Result
from agent_workers.models.offline import OFFLINE
from agent_workers.writer import compose
from chassis.blobs import FolderBlobs
from chassis.ids import new_id
from journal_contracts.artifacts import DayBatch, Manuscripts, Review, ReviewNote
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.product import BOOKS, Edition, PlanName, batches

Change = Callable[[str, dict[str, Any]], dict[str, Any]]
"""What a model gives in the place of the offline writer's answer to a task."""


def as_written(task: str, answer: dict[str, Any]) -> dict[str, Any]:
    return answer


@dataclass
class Room:
    """Steps of one journal, done by the crew on the offline writer."""

    blobs: FolderBlobs
    model: Change = as_written
    made: dict[str, tuple[str, ...]] = field(default_factory=dict)
    briefs: list[dict[str, Any]] = field(default_factory=list)

    async def do(self, phase: str, name: str = "", attempt: int = 1, **order: Any) -> Result:
        step = RunPhase(
            journal_id=JOURNAL,
            user_id=USER,
            phase=phase,
            part=name,
            attempt=attempt,
            brief=BRIEF,
            inputs=self.made,
            order=order,
            round=attempt - 1,
        )
        result = await CREWS[phase](Desk(step, self.blobs, cast(Press, None), self._ask, OFFLINE))
        await self.blobs.put(step.artifact_key, result.artifact.model_dump_json().encode(), "json")
        self.made[phase] = (*self.made.get(phase, ()), step.artifact_key)
        return result

    async def _ask(self, agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        self.briefs.append(brief_in(task))
        answer = compose(output.__name__, self.briefs[-1])
        return output.model_validate(self.model(output.__name__, answer))


JOURNAL, USER = new_id(), new_id()
BRIEF = Brief(theme="anxiety", plan=PlanName.COMPREHENSIVE)


@pytest.fixture
async def room(tmp_path: Path) -> Room:
    """Both books are written, joined and edited."""
    room = Room(FolderBlobs(tmp_path))
    for phase in ("onboarding", "editorial_plan", "outline"):
        await room.do(phase)
    for edition in Edition:
        await room.do("curation", f"{edition}-frame", edition=edition, frame=True)
        for days in batches(BOOKS[edition].days):
            about = {"edition": edition, "days": list(days)}
            await room.do("curation", f"{edition}-{days[0]}", **about)
    await room.do("proof")
    for edition in Edition:
        for days in batches(BOOKS[edition].days):
            about = {"edition": edition, "days": list(days), "notes": {}}
            await room.do("editing", f"{edition}-{days[0]}", **about)
    return room


def with_notes(*notes: ReviewNote) -> Change:
    """A Manager that says this, whatever it reads."""
    draft = ReviewDraft(verdict="revise", summary="Not yet.", notes=list(notes))

    def changed(task: str, answer: dict[str, Any]) -> dict[str, Any]:
        return draft.model_dump() if task == "ReviewDraft" else answer

    return changed


DULL = ReviewNote(edition=Edition.JOURNAL, day=7, note="Dull; begin with something seen.")
STIFF = ReviewNote(edition=Edition.LEAD_MAGNET, note="The closing is stiff.")


async def test_what_it_finds_goes_back_to_the_curator_day_by_day(room: Room) -> None:
    room.model = with_notes(DULL, STIFF)

    result = await room.do("review")

    assert isinstance(result.artifact, Review)
    assert result.artifact.verdict == "revise"
    assert result.facts["again"] == [
        {
            "part": "journal-days-07-07",
            "edition": "journal",
            "days": [7],
            "notes": [f"day 7: {DULL.note}"],
        },
        {
            "part": "lead_magnet-frame",
            "edition": "lead_magnet",
            "frame": True,
            "notes": [STIFF.note],
        },
    ]


async def test_its_notes_change_the_next_attempt(room: Room) -> None:
    room.model = with_notes(DULL)
    [order] = (await room.do("review")).facts["again"]
    before = Manuscripts.model_validate_json(await room.blobs.get(room.made["proof"][-1]))

    anew = await room.do("curation", "journal-days-07-07-again-1", attempt=2, **order)

    assert room.briefs[-1]["notes"] == [f"day 7: {DULL.note}"]
    assert isinstance(anew.artifact, DayBatch)
    assert anew.artifact.days[0].warm_up != before.journal.days[6].warm_up


async def test_what_it_finds_after_editing_goes_back_to_the_editor(room: Room) -> None:
    """The Editor edits days alone: what is said of a frame stays in the review."""
    room.model = with_notes(DULL, STIFF)

    result = await room.do("editing_review")

    assert result.facts["again"] == [
        {
            "part": "journal-days-07-07",
            "edition": "journal",
            "days": [7],
            "notes": {"day 7": DULL.note},
        }
    ]


async def test_what_falls_below_a_measure_is_revised_whatever_the_manager_says(room: Room) -> None:
    """R1.1c: its own reading adds to the measured checks, and takes none away."""
    [key] = room.made["proof"]
    books = Manuscripts.model_validate_json(await room.blobs.get(key))
    short = books.journal.days[2].model_copy(update={"warm_up": "Too short."})
    days = (*books.journal.days[:2], short, *books.journal.days[3:])
    broken = books.model_copy(update={"journal": books.journal.model_copy(update={"days": days})})
    await room.blobs.put(key, broken.model_dump_json().encode(), "json")
    room.made.pop("editing")

    def content(task: str, answer: dict[str, Any]) -> dict[str, Any]:
        return {"verdict": "accept", "summary": "Lovely."} if task == "ReviewDraft" else answer

    room.model = content

    result = await room.do("review")

    assert 3 in [day for order in result.facts["again"] for day in order.get("days", ())]
    assert [note["day"] for note in room.briefs[-1]["measured"] if note["day"]] == [3]


async def test_a_note_on_a_day_that_is_not_there_is_no_order(room: Room) -> None:
    room.model = with_notes(ReviewNote(edition=Edition.LEAD_MAGNET, day=7, note="Where is it?"))

    result = await room.do("review")

    assert result.facts["again"] == []
    assert isinstance(result.artifact, Review)
    assert result.artifact.verdict == "accept"


async def test_the_offline_manager_accepts_what_holds(room: Room) -> None:
    result = await room.do("editing_review")

    assert (result.facts["verdict"], result.facts["again"]) == ("accept", [])


def test_the_offline_manager_names_the_days_a_reader_stumbles_over() -> None:
    day = {"heading": "Sea", "question": "What do you see?"}
    plain = "You see the sea. It is big and blue. You sit and look. " * 3
    hard = "Institutional considerations necessitate extraordinarily complicated explanations. " * 3
    rows = [
        {"day": None, "intro": plain},
        {**day, "day": 1, "warm_up": plain},
        {**day, "day": 2, "warm_up": plain},
        {**day, "day": 3, "warm_up": hard},
    ]

    draft = compose("ReviewDraft", {"seed": "s", "theme": "sea", "books": {"journal": rows}})

    assert draft["verdict"] == "revise"
    assert [(note["day"], note["note"][:15]) for note in draft["notes"]] == [
        (2, "It opens with t"),
        (3, "Hard to read (r"),
    ]
