"""Editing: no day is left worse, changes are seen and not believed, notes go where they belong."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from agent_workers.briefs import brief_in
from agent_workers.crews.editor import EditDraft, Remark, changes_between
from agent_workers.desk import Agent
from agent_workers.notes import for_days
from agent_workers.safety import UnsafeText
from journal_contracts.artifacts import Day, EditedBatch, Manuscripts
from journal_contracts.product import Edition

from .crewroom import Crewroom, a_crewroom, offline

BATCH = [1, 2, 3, 4, 5]
JOURNAL, MAGNET = Edition.JOURNAL, Edition.LEAD_MAGNET
Edit = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Crewroom:
    room = asyncio.run(a_crewroom(tmp_path_factory.mktemp("room")))
    return room.lacking("editing")


async def book_of(room: Crewroom) -> dict[int, Day]:
    manuscripts = await room.desk("editing").read("proof", Manuscripts)
    return {day.day: day for day in manuscripts.journal.days}


async def edited(
    room: Crewroom, *edits: Edit, notes: dict[str, str] | None = None, remarks: Any = ()
) -> tuple[EditedBatch, list[dict[str, Any]]]:
    """The batch after a model that does these edits to each day in turn, and its briefs."""
    briefs: list[dict[str, Any]] = []

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        briefs.append(brief_in(task))
        edit = edits[min(len(briefs), len(edits)) - 1]
        days = [edit(dict(day)) for day in briefs[-1]["days"]]
        return EditDraft.model_validate({"days": days, "remarks": remarks})

    order = {"edition": "journal", "days": BATCH, "notes": notes or {}}
    result = await room.work("editing", ask, **order)
    assert isinstance(result.artifact, EditedBatch)
    return result.artifact, briefs


def with_text(day: int, **texts: Callable[[str], str]) -> Edit:
    """Edits one day in these places."""

    def edit(row: dict[str, Any]) -> dict[str, Any]:
        return {k: texts[k](v) if row["day"] == day and k in texts else v for k, v in row.items()}

    return edit


def as_it_was(row: dict[str, Any]) -> dict[str, Any]:
    return row


def gains(text: str) -> Callable[[str], str]:
    """The text with another last sentence, of the same length."""
    return lambda old: " ".join([*old.split()[: -len(text.split())], *text.split()])


async def test_a_change_is_what_differs_whatever_the_model_says_of_it(room: Crewroom) -> None:
    book = await book_of(room)
    first, *rest = book[3].warm_up.split(". ")
    edit = with_text(3, warm_up=lambda old: ". ".join(["Begin with the window", *rest]))
    lie = {"section": "day 3 warm-up", "after": "The moon.", "reason": "Crisper."}
    another = {"section": "day 4 warm-up", "after": "Nothing.", "reason": "Not done."}

    batch, _ = await edited(room, edit, remarks=[lie, another])

    [change] = batch.changes
    assert change.section == "day 3 warm-up"
    assert change.before.startswith(first)
    assert change.after.startswith("Begin with the window")
    assert change.before in book[3].warm_up
    assert change.after in batch.days[2].warm_up
    assert change.reason == "Crisper."


def a_day(warm_up: str, question: str = "What is it that you see?") -> Day:
    return Day.model_construct(day=3, warm_up=warm_up, question=question)


@pytest.mark.parametrize(
    ("after", "change"),
    [
        ("One. Zwei. Three.", ("Two.", "Zwei.")),
        ("One. Three.", ("One. Two.", "One.")),
        ("Two. Three.", ("One. Two.", "Two.")),
        ("One. Two. Half. Three.", ("Two.", "Two. Half.")),
        ("Zero. One. Two. Three.", ("One.", "Zero. One.")),
        ("One. Two.", ("Two. Three.", "Two.")),
    ],
    ids=["replaced", "left out", "first left out", "came in", "came first", "last left out"],
)
def test_before_and_after_are_the_sentences_that_differ(
    after: str, change: tuple[str, str]
) -> None:
    found = list(changes_between(a_day("One. Two. Three."), a_day(after), [], asked=False))

    assert [(each.before, each.after) for each in found] == [change]
    assert found[0].reason


def test_a_reason_goes_with_the_passage_it_is_about() -> None:
    remarks = [
        Remark(section="Day 3: question", reason="Plainer."),
        Remark(section="day 3 warm-up", after="Zwei.", reason="German."),
        Remark(section="day 3 warm-up", after="Drei.", reason="Also German."),
    ]
    new = a_day("One. Zwei. And. Drei.", "What do you see?")

    found = list(changes_between(a_day("One. Two. And. Three."), new, remarks, asked=True))

    assert [each.reason for each in found] == ["German.", "Also German.", "Plainer."]


HARD = "Institutional considerations necessitate reorganisation of responsibilities."


@pytest.mark.parametrize(
    "edit",
    [
        with_text(2, warm_up=lambda old: old[: len(old) // 2]),
        with_text(2, question=lambda old: "Why?"),
        with_text(2, question=lambda old: f"{old[:-1]}, and what else do you see? Do you?"),
        with_text(2, warm_up=lambda old: HARD * 40),
    ],
    ids=["too short", "question too short", "two questions", "hard and long"],
)
async def test_a_day_that_became_worse_stays_as_it_was(edit: Edit, room: Crewroom) -> None:
    book = await book_of(room)

    batch, _ = await edited(room, edit)

    assert batch.days == tuple(book[day] for day in BATCH)
    assert batch.changes == ()


async def test_an_edit_that_would_harm_is_an_error_and_no_edit(room: Crewroom) -> None:
    with pytest.raises(UnsafeText):
        await edited(room, with_text(2, warm_up=gains("Starve yourself until noon.")))


async def test_a_day_may_not_come_too_near_to_another_day(room: Crewroom) -> None:
    book = await book_of(room)
    same_question = with_text(2, question=lambda old: book[9].question)
    same_text = with_text(2, warm_up=lambda old: book[9].warm_up)

    for edit in (same_question, same_text):
        batch, _ = await edited(room, edit)
        assert batch.days[1] == book[2]


async def test_two_days_of_a_batch_may_not_be_given_the_same_question(room: Crewroom) -> None:
    def edit(row: dict[str, Any]) -> dict[str, Any]:
        alike = "What would the window say about this quiet morning?"
        return {**row, "question": alike if row["day"] in {2, 4} else row["question"]}

    batch, _ = await edited(room, edit)

    book = await book_of(room)
    assert batch.days[1].question != book[2].question
    assert batch.days[3].question == book[4].question


async def test_notes_open_the_days_they_name_and_no_other(room: Crewroom) -> None:
    book = await book_of(room)
    edit = with_text(2, question=lambda old: "Where does the kettle stand in all this?")

    batch, [brief] = await edited(room, edit, notes={"day 2 question": "Ask about the kettle."})

    assert [day["day"] for day in brief["days"]] == [2]
    assert brief["notes"] == {"day 2": "question: Ask about the kettle."}
    assert [day.day for day in batch.days] == BATCH
    assert [d.day for d in batch.days if d != book[d.day]] == [2]
    assert batch.changes[0].reason == "The notes on the draft asked for it."


@pytest.mark.parametrize("section", ["day 17", "intro", "lead magnet day 2", "closing page"])
async def test_a_batch_no_note_is_about_asks_nobody(section: str, room: Crewroom) -> None:
    book = await book_of(room)

    batch, briefs = await edited(room, as_it_was, notes={section: "Warmer."})

    assert briefs == []
    assert batch.days == tuple(book[day] for day in BATCH)


async def test_a_wish_that_made_a_day_worse_is_tried_again_with_what_was_wrong(
    room: Crewroom,
) -> None:
    good = "Where does the kettle stand in all this?"
    bad, better = (
        with_text(2, question=lambda old: "Kettle?"),
        with_text(2, question=lambda old: good),
    )

    batch, briefs = await edited(room, bad, better, notes={"day 2": "Ask about the kettle."})

    assert briefs[1]["refused"] == {"day 2": ["question of 1 words, wanted 8 to 20"]}
    assert briefs[1]["notes"] == {"day 2": "Ask about the kettle."}
    assert batch.days[1].question == good
    _, again = await edited(room, bad, notes={"day 2": "Ask about the kettle."})
    assert len(again) == 3


async def test_a_second_round_starts_from_what_the_first_one_made(room: Crewroom) -> None:
    """An edit the user saw stays (domain.md)."""
    first, _ = await edited(
        room, with_text(2, question=lambda old: "Where does the kettle stand in all this?")
    )
    await room.blobs.put("first.json", first.model_dump_json().encode(), "application/json")
    later = Crewroom(room.blobs, room.brief, {**room.inputs, "editing": ("first.json",)})

    batch, [brief] = await edited(later, as_it_was, notes={"day 2": "Good. Only shorter."})

    assert brief["days"][0]["question"] == "Where does the kettle stand in all this?"
    assert batch.days[1] == first.days[1]


@pytest.mark.parametrize(
    ("section", "journal", "magnet"),
    [
        ("day 2", {2}, set()),
        ("Day 02 question", {2}, set()),
        ("journal day 2", {2}, set()),
        ("journal-day-02", {2}, set()),
        ("lead magnet day 2", set(), {2}),
        ("lead_magnet day 2", set(), {2}),
        ("Lead Magnet: days 2-3", set(), {2, 3}),
        ("days 1 and 3", {1, 3}, set()),
        ("days 2 to 4", {2, 3, 4}, set()),
        ("all", {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}),
        ("", {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}),
        ("tone", {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}),
        ("warm-ups", {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}),
        ("the 30-day journal", {1, 2, 3, 4, 5}, set()),
        ("lead magnet", set(), {1, 2, 3, 4, 5}),
        ("identify", {1, 2, 3, 4, 5}, {1, 2}),
        ("action", set(), {5}),
        ("intro", set(), set()),
        ("journal intro", set(), set()),
        ("closing", set(), set()),
        ("lead magnet closing page", set(), set()),
        ("Title", set(), set()),
        ("certificate", set(), set()),
        ("day 17", set(), set()),
        ("</brief> day 2", {2}, set()),
    ],
)
def test_a_note_goes_to_the_days_its_section_names(
    section: str, journal: set[int], magnet: set[int]
) -> None:
    notes = {section: "Warmer."}

    assert for_days(notes, JOURNAL, BATCH).keys() == journal
    assert for_days(notes, MAGNET, BATCH).keys() == magnet


async def offline_edit(
    room: Crewroom, reason: str, note_on: Callable[[Day], str]
) -> tuple[Day, Day]:
    """The first day on which the offline pencil follows such a note, before and after.

    It leaves a day alone where the change would break a measure.
    """
    for number in BATCH:
        before = (await book_of(room))[number]
        order = {"edition": "journal", "days": BATCH, "notes": {f"day {number}": note_on(before)}}
        result = await room.work("editing", offline, **order)
        assert isinstance(result.artifact, EditedBatch)
        if reason in {change.reason for change in result.artifact.changes}:
            return before, result.artifact.days[number - 1]
    raise AssertionError(f"on no day: {reason}")


async def test_the_pencil_shortens_where_a_note_says_so(room: Crewroom) -> None:
    before, after = await offline_edit(
        room, "Your note asked for a tighter text.", lambda day: "Shorter, please."
    )

    assert len(after.warm_up.split()) < len(before.warm_up.split())


async def test_the_pencil_is_warmer_where_a_note_says_so(room: Crewroom) -> None:
    before, after = await offline_edit(
        room, "Your note asked for a warmer voice.", lambda day: "Make it warmer."
    )

    assert len(after.warm_up.split()) > len(before.warm_up.split())


def longest_word(day: Day) -> str:
    return max(day.warm_up.replace(",", " ").replace(".", " ").split(), key=len)


async def test_the_pencil_puts_one_word_for_another(room: Crewroom) -> None:
    before, after = await offline_edit(
        room,
        "Your note asked for another word.",
        lambda day: f"Replace “{longest_word(day)}” by “teapot”.",
    )

    assert longest_word(before) not in after.warm_up
    assert "teapot" in after.warm_up.lower()
