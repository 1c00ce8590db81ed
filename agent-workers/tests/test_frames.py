"""Notes on what frames the days are followed, text by text, and cost no check (R1.2d, R2.2c)."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from agent_workers.briefs import brief_in
from agent_workers.crews.editor import BY_NOTE, FrameEdit
from agent_workers.desk import Agent
from agent_workers.manuscripts import edited, final
from agent_workers.notes import for_frame
from agent_workers.safety import UnsafeText
from journal_contracts import checks
from journal_contracts.artifacts import EditedFrame, Frame, Manuscript, Manuscripts
from journal_contracts.product import Edition

from .crewroom import Crewroom, a_crewroom, offline

JOURNAL, MAGNET = Edition.JOURNAL, Edition.LEAD_MAGNET
EVERY = {"quote", "intro", "commitment", "certificate", "closing"}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Crewroom:
    room = asyncio.run(a_crewroom(tmp_path_factory.mktemp("frames")))
    return room.lacking("editing")


async def frame_of(room: Crewroom, edition: Edition = JOURNAL) -> Frame:
    manuscripts = await room.desk("editing").read("proof", Manuscripts)
    return manuscripts.of(edition).frame


def anew(text: str, begin: str) -> str:
    """The text with other first words, as long as before."""
    return " ".join([*begin.split(), *text.split()[len(begin.split()) :]])


async def edited_frame(
    room: Crewroom, *answers: dict[str, Any], notes: dict[str, str], edition: Edition = JOURNAL
) -> tuple[EditedFrame, list[dict[str, Any]]]:
    """The frame after a model that answers this, in turn, and its briefs."""
    briefs: list[dict[str, Any]] = []

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        briefs.append(brief_in(task))
        return FrameEdit.model_validate(answers[min(len(briefs), len(answers)) - 1])

    order = {"edition": edition, "frame": True, "notes": notes}
    result = await room.work("editing", ask, **order)
    assert isinstance(result.artifact, EditedFrame)
    return result.artifact, briefs


async def test_a_note_on_the_intro_changes_the_intro_and_nothing_else(room: Crewroom) -> None:
    before = await frame_of(room)
    new = anew(before.intro, "Put the kettle on first.")

    made, [brief] = await edited_frame(
        room, {"intro": new, "closing": "Gone."}, notes={"intro": "Begin with the kettle."}
    )

    assert brief["texts"] == {"intro": before.intro}
    assert brief["notes"] == {"intro": "Begin with the kettle."}
    assert made.frame == before.model_copy(update={"intro": new})
    assert {change.section for change in made.changes} == {"intro"}
    assert made.changes[0].reason == BY_NOTE


async def test_without_a_note_on_it_a_frame_costs_no_call(room: Crewroom) -> None:
    for notes in ({}, {"day 3": "Warmer."}, {"lead magnet closing": "Warmer."}):
        made, briefs = await edited_frame(room, {}, notes=notes)

        assert briefs == []
        assert made.frame == await frame_of(room)
        assert made.changes == ()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("closing", "Goodbye."), ("quote", "word " * 41)],
    ids=["too short", "too long"],
)
async def test_a_wish_that_made_a_text_worse_is_tried_again_with_what_was_wrong(
    name: str, wrong: str, room: Crewroom
) -> None:
    before = await frame_of(room)
    text = before.quote.text if name == "quote" else getattr(before, name)
    good = anew(text, "Tonight you")

    made, briefs = await edited_frame(room, {name: wrong}, {name: good}, notes={name: "Plainer."})

    assert list(briefs[1]["refused"]) == [name]
    assert {change.section for change in made.changes} == {name}
    left, again = await edited_frame(room, {name: wrong}, notes={name: "Plainer."})
    assert len(again) == 3
    assert left.frame == before


async def test_a_frame_that_would_harm_is_an_error_and_no_edit(room: Crewroom) -> None:
    harmful = anew((await frame_of(room)).intro, "Starve yourself until noon.")

    with pytest.raises(UnsafeText):
        await edited_frame(room, {"intro": harmful}, notes={"intro": "Stricter."})


async def test_the_edited_frame_is_in_the_books_that_are_bound(room: Crewroom) -> None:
    """An edit the user saw is in the PDF (domain.md); a second round starts from it."""
    new = anew((await frame_of(room)).certificate, "Here it stands, [Name]:")
    made, _ = await edited_frame(room, {"certificate": new}, notes={"certificate": "By name."})
    await room.put("frame.json", made)
    later = Crewroom(room.blobs, room.brief, {**room.inputs, "editing": ("frame.json",)})

    books = await final(later.desk("binding"))
    _, [brief] = await edited_frame(later, {}, notes={"certificate": "Good, only shorter."})

    assert [book.frame.certificate == new for book in books] == [True, False]
    assert [book.version for book in await edited(later.desk("binding"))] == [2, 1]
    assert brief["texts"] == {"certificate": new}


@pytest.mark.parametrize("edition", Edition)
@pytest.mark.parametrize("note", ["Make it warmer.", "Shorter, please.", "Replace you by thou."])
async def test_the_pencil_follows_a_note_on_a_frame(
    note: str, edition: Edition, room: Crewroom
) -> None:
    """Offline, on at least one text of each frame, and never to the cost of a check."""
    order = {"edition": edition, "frame": True, "notes": {"all": note}}
    result = await room.work("editing", offline, **order)
    assert isinstance(result.artifact, EditedFrame)

    manuscripts = await room.desk("editing").read("proof", Manuscripts)
    book: Manuscript = manuscripts.of(edition)
    after = book.model_copy(update={"frame": result.artifact.frame})
    assert result.artifact.changes
    assert checks.examine(checks.Book(after)) == checks.examine(checks.Book(book))


@pytest.mark.parametrize(
    ("section", "journal", "magnet"),
    [
        ("intro", {"intro"}, {"intro"}),
        ("Introduction", {"intro"}, {"intro"}),
        ("journal intro", {"intro"}, set()),
        ("lead magnet closing page", set(), {"closing"}),
        ("the call to the full version", {"closing"}, {"closing"}),
        ("certificates", {"certificate"}, {"certificate"}),
        ("intro and closing", {"intro", "closing"}, {"intro", "closing"}),
        ("the quote", {"quote"}, {"quote"}),
        ("all", EVERY, EVERY),
        ("", EVERY, EVERY),
        ("tone", EVERY, EVERY),
        ("lead magnet", set(), EVERY),
        ("the 30-day journal", EVERY, set()),
        ("day 3", set(), set()),
        ("warm-ups", set(), set()),
        ("identify", set(), set()),
        ("cover", set(), set()),
        ("Title", set(), set()),
    ],
)
def test_a_note_goes_to_the_texts_its_section_names(
    section: str, journal: set[str], magnet: set[str]
) -> None:
    notes = {section: "Warmer."}

    assert for_frame(notes, JOURNAL).keys() == journal
    assert for_frame(notes, MAGNET).keys() == magnet
