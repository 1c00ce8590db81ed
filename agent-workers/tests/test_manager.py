"""The Manager's reviews: what is measured, what it reads, and who is sent back to what (R1.1a)."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from agent_workers.briefs import brief_in
from agent_workers.crews.manager import ReviewDraft
from agent_workers.desk import Agent, Ask
from agent_workers.writer import compose
from journal_contracts.artifacts import DayBatch, EditedFrame, Manuscripts, Review, ReviewNote
from journal_contracts.product import Edition

from .crewroom import Crewroom, a_crewroom, offline, recording


@pytest.fixture
async def room(tmp_path: Path) -> Crewroom:
    """Both books are written, joined and edited."""
    return await a_crewroom(tmp_path)


def saying(verdict: str, *notes: ReviewNote) -> Ask:
    """A Manager that says this, whatever it reads."""
    draft = {"verdict": verdict, "summary": "So it is.", "notes": [n.model_dump() for n in notes]}

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        if output is ReviewDraft:
            return output.model_validate(draft)
        return await offline(agent, task, about, output)

    return ask


DULL = ReviewNote(edition=Edition.JOURNAL, day=7, note="Dull; begin with something seen.")
STIFF = ReviewNote(edition=Edition.LEAD_MAGNET, note="The closing is stiff.")


async def test_what_it_finds_goes_back_to_the_curator_day_by_day(room: Crewroom) -> None:
    result = await room.work("review", saying("revise", DULL, STIFF))

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


async def test_its_notes_change_the_next_attempt(room: Crewroom) -> None:
    [order] = (await room.work("review", saying("revise", DULL))).facts["again"]
    before = await room.desk("review").read("proof", Manuscripts)
    tasks: list[str] = []

    anew = await room.again("curation", recording(tasks), **order)

    assert brief_in(tasks[0])["notes"] == [f"day 7: {DULL.note}"]
    assert isinstance(anew.artifact, DayBatch)
    assert anew.artifact.days[0].warm_up != before.journal.days[6].warm_up


async def test_what_it_finds_after_editing_goes_back_to_the_editor(room: Crewroom) -> None:
    result = await room.work("editing_review", saying("revise", DULL, STIFF))

    assert result.facts["again"] == [
        {
            "part": "journal-days-07-07",
            "edition": "journal",
            "days": [7],
            "notes": {"journal day 7": DULL.note},
        },
        {
            "part": "lead_magnet-frame",
            "edition": "lead_magnet",
            "frame": True,
            "notes": {"lead_magnet frame": STIFF.note},
        },
    ]


async def test_the_editor_is_shown_the_managers_note_on_the_texts_around_the_days(
    room: Crewroom,
) -> None:
    result = await room.work("editing_review", saying("revise", STIFF))
    [order] = result.facts["again"]
    tasks: list[str] = []

    edited = await room.again("editing", recording(tasks), **order)

    assert isinstance(edited.artifact, EditedFrame)
    assert set(brief_in(tasks[0])["notes"].values()) == {STIFF.note}


async def test_what_falls_below_a_measure_is_revised_whatever_the_manager_says(
    room: Crewroom,
) -> None:
    """R1.1c: its own reading adds to the measured checks, and takes none away."""
    books = await room.desk("review").read("proof", Manuscripts)
    short = books.journal.days[2].model_copy(update={"warm_up": "Too short."})
    days = (*books.journal.days[:2], short, *books.journal.days[3:])
    journal = books.journal.model_copy(update={"days": days})
    await room.put(room.inputs["proof"][0], books.model_copy(update={"journal": journal}))
    tasks: list[str] = []

    result = await room.lacking("editing").work("review", recording(tasks, saying("accept")))

    assert [order["days"] for order in result.facts["again"] if "days" in order] == [[3]]
    assert [note["day"] for note in brief_in(tasks[0])["measured"] if note["day"]] == [3]


async def test_a_note_on_a_day_that_is_not_there_is_no_order(room: Crewroom) -> None:
    nowhere = ReviewNote(edition=Edition.LEAD_MAGNET, day=7, note="Where is it?")

    result = await room.work("review", saying("revise", nowhere))

    assert result.facts["again"] == []
    assert isinstance(result.artifact, Review)
    assert result.artifact.verdict == "accept"


async def test_the_offline_manager_accepts_what_holds(room: Crewroom) -> None:
    result = await room.work("editing_review")

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
