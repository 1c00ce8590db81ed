"""Research in the user's documents: passages with their place, insights that rest on them."""

import io
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pypdf import PdfWriter

from agent_workers.briefs import brief_in
from agent_workers.crews.research import ResearchDraft
from agent_workers.desk import Agent, InvalidOutput
from agent_workers.sources import Documents, Gathered, OwnKnowledge, Passage
from chassis.blobs import FolderBlobs
from chassis.ids import new_id
from journal_contracts import artifacts
from journal_contracts import documents as limits
from journal_contracts.artifacts import Insights
from journal_contracts.documents import documents_folder

from .crewroom import USER, Crewroom, offline
from .test_bind import bound, manuscript, texts_of
from .test_injections import INJECTIONS

NIGHTS = (
    "Anxiety at night is louder because the day no longer talks over it. Nurses who write down the "
    "worry before a shift report that it waits outside the ward.\n\n"
    "Bread needs salt and time. The oven wants to be hot, and the tin wants to be oiled well.\n\n"
    "A short list of worries, written by hand, takes some weight from an anxious evening."
)
NOTES = """# What I learned

An anxious worry comes back when I argue with it, and thins out when I describe it.

## In the morning

I count the worries on my fingers before breakfast; there are never more than ten of them.
"""


@pytest.fixture
async def room(tmp_path: Path) -> Crewroom:
    """A user with an editorial plan."""
    room = Crewroom(FolderBlobs(tmp_path))
    for phase in ("onboarding", "editorial_plan"):
        await room.finish(phase)
    return room


async def lay(room: Crewroom, name: str, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    await room.blobs.put(f"{documents_folder(USER)}{name}", raw, "application/octet-stream")


async def gathered(room: Crewroom, question: str = "anxiety worry", **more: Any) -> Gathered:
    return await Documents(room.blobs, USER, **more).gather(question, 5)


async def test_the_nearest_passages_come_with_their_document_and_place(room: Crewroom) -> None:
    await lay(room, "nights.txt", NIGHTS)
    await lay(room, "notes.md", NOTES)

    found = await gathered(room)

    assert [(p.id, p.origin.kind) for p in found.passages][:2] == [
        ("p01", "document"),
        ("p02", "document"),
    ]
    assert {p.origin.reference for p in found.passages} == {
        "nights.txt, paragraph 1",
        "nights.txt, paragraph 3",
        "notes.md, “What I learned”",
        "notes.md, “In the morning”",
    }
    assert {p.document for p in found.passages[:2]} == {"nights.txt", "notes.md"}
    assert found.passages[0].text.startswith(found.passages[0].origin.excerpt.rstrip("…"))
    assert not any("Bread" in p.text for p in found.passages)


async def test_the_saga_is_told_how_many_insights_rest_on_what(room: Crewroom) -> None:
    """For their user to see: by document, and "" for what the model knew itself."""
    await lay(room, "nights.txt", NIGHTS)

    result = await room.work("research", offline, count=5, documents=["nights.txt", "lost.md"])

    assert isinstance(result.artifact, Insights)
    kinds = [insight.source.kind for insight in result.artifact.insights]
    told = result.facts["from"]
    assert told.get("", 0) == kinds.count("model")
    assert told["nights.txt"] == kinds.count("document") > 0
    assert result.facts["skipped"] == {"lost.md": "is not among your documents"}


async def test_a_pdf_is_cited_by_its_page(room: Crewroom) -> None:
    pdf = bound(manuscript(quote="The walrus of worry sleeps on the northern ice."))
    page = next(at for at, text in enumerate(texts_of(pdf), 1) if "walrus" in text)
    await lay(room, "book.pdf", pdf)

    found = await gathered(room, "walrus worry ice")

    assert found.skipped == {}
    assert found.passages[0].origin.reference == f"book.pdf, page {page}"
    assert "walrus" in found.passages[0].text


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("broken.pdf", b"%PDF-1.7 and then nothing", "cannot be read as a PDF"),
        ("none.pdf", b"", "cannot be read as a PDF"),
        ("picture.png", b"\x89PNG", "is of a kind we cannot read"),
        ("binary.txt", b"MZ\0\0\0\0", "is no text"),
        ("empty.md", b"\n\n", "holds no text"),
        ("huge.txt", b"x" * (limits.LARGEST + 1), "is too large"),
        ("noend", b"anxiety " * 20, "is of a kind we cannot read"),
    ],
)
async def test_what_cannot_be_read_is_left_out_and_said(
    name: str, content: bytes, why: str, room: Crewroom
) -> None:
    await lay(room, name, content)
    await lay(room, "nights.txt", NIGHTS)

    found = await gathered(room)

    assert found.skipped[name].startswith(why)
    assert {p.document for p in found.passages} == {"nights.txt"}


async def test_an_encrypted_pdf_is_left_out(room: Crewroom) -> None:
    writer, out = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(out)
    await lay(room, "locked.pdf", out.getvalue())

    assert (await gathered(room)).skipped == {"locked.pdf": "cannot be read as a PDF"}


async def test_more_documents_than_allowed_are_left_out(room: Crewroom) -> None:
    for number in range(limits.MOST + 1):
        await lay(room, f"d{number:02d}.txt", f"{NIGHTS} {number}")

    found = await gathered(room)

    assert found.skipped == {f"d{limits.MOST}.txt": "is one too many"}


@pytest.mark.parametrize(
    "name",
    ["../../other/documents/secret.txt", "/etc/passwd", "..", "", "secret.txt", "a/../x.txt"],
)
async def test_a_name_from_outside_is_only_compared(name: str, room: Crewroom) -> None:
    """R6.1c: another user's documents are out of reach, whatever is asked for."""
    other = f"users/{new_id()}/documents/secret.txt"
    await room.blobs.put(other, NIGHTS.encode(), "text/plain")
    await lay(room, "nights.txt", NIGHTS)

    found = await gathered(room, names=[name])

    assert found.passages == ()
    assert set(found.skipped.values()) == {"is not among your documents"}


async def test_only_the_ordered_documents_are_read(room: Crewroom) -> None:
    await lay(room, "nights.txt", NIGHTS)
    await lay(room, "notes.md", NOTES)

    found = await gathered(room, names=["notes.md"])

    assert {p.document for p in found.passages} == {"notes.md"}


async def test_a_question_no_document_speaks_of_finds_nothing(room: Crewroom) -> None:
    await lay(room, "nights.txt", NIGHTS)

    assert (await gathered(room, "submarine volcano")).passages == ()


async def test_own_knowledge_is_marked_as_that() -> None:
    [own] = (await OwnKnowledge("a model").gather("anxiety", 5)).passages

    assert own.origin == artifacts.Source(kind="model", reference="a model")
    assert own.bears("anything")


async def test_insights_name_the_document_and_the_place_they_rest_on(room: Crewroom) -> None:
    await lay(room, "nights.txt", NIGHTS)
    await lay(room, "notes.md", NOTES)

    result = await room.work("research")

    found = result.artifact
    assert isinstance(found, Insights)
    assert len(found.insights) == 15
    cited = {i.source.reference for i in found.insights if i.source.kind == "document"}
    assert {name.partition(",")[0] for name in cited} == {"nights.txt", "notes.md"}
    assert {i.source.reference for i in found.insights if i.source.kind == "model"} == {"a model"}
    assert result.facts.keys() == {"from"}


async def test_a_document_left_out_is_told_to_the_saga(room: Crewroom) -> None:
    await lay(room, "picture.png", b"x")

    result = await room.work("research")

    assert "cannot read" in result.facts["skipped"]["picture.png"]


async def test_without_documents_all_is_the_models_own_knowledge(room: Crewroom) -> None:
    result = await room.work("research")

    assert isinstance(result.artifact, Insights)
    assert {i.source.kind for i in result.artifact.insights} == {"model"}
    assert result.facts == {"from": {"": 15}}


KINDS = ("background", "benefit", "tip")


def a_draft(count: int = 5, **first: str) -> dict[str, Any]:
    """A draft that covers the order, its first insight as told."""
    insights = [{"kind": KINDS[n % 3], "text": f"Number {n} is a thing."} for n in range(count)]
    insights[0] |= first
    return {"insights": insights}


FOUNDED = {
    "text": "A worry written down at night weighs less on an anxious evening.",
    "passage": "p01",
}


async def sent_back(room: Crewroom, *drafts: dict[str, Any]) -> tuple[Any, list[list[str]]]:
    """What becomes of these drafts, and with which notes each question came."""
    notes: list[list[str]] = []

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        notes.append(brief_in(task).get("notes", []))
        return ResearchDraft.model_validate(drafts[min(len(notes), len(drafts)) - 1])

    return await room.work("research", ask, count=5), notes


@pytest.mark.parametrize(
    ("draft", "complaint"),
    [
        (a_draft(passage="p77"), "insight 1 does not rest on p77"),
        (a_draft(text="Cows moo softly.", passage="p01"), "insight 1 does not rest on p01"),
        (a_draft(), "no insight rests on nights.txt"),
        (a_draft(4, **FOUNDED), "4 insights were given, 5 are ordered"),
        (
            {
                "insights": [{"kind": "tip", "text": f"{n}"} for n in range(4)]
                + [{"kind": "tip", **FOUNDED}]
            },
            "there is no background",
        ),
        (
            {"insights": [*a_draft(4, **FOUNDED)["insights"], {"kind": "tip", **FOUNDED}]},
            "two insights are the same",
        ),
    ],
    ids=["unknown", "unfounded", "unused", "too few", "no mix", "twice"],
)
async def test_insights_that_do_not_hold_are_sent_back(
    draft: dict[str, Any], complaint: str, room: Crewroom
) -> None:
    await lay(room, "nights.txt", NIGHTS)

    result, notes = await sent_back(room, draft, a_draft(**FOUNDED))

    assert complaint in notes[1]
    assert len(notes) == 2
    assert result.artifact.insights[0].source.reference == "nights.txt, paragraph 3"


async def test_an_insight_that_never_comes_to_rest_is_the_models_own(room: Crewroom) -> None:
    await lay(room, "nights.txt", NIGHTS)

    result, notes = await sent_back(room, a_draft(passage="p77"))

    assert len(notes) == 3
    assert {i.source.kind for i in result.artifact.insights} == {"model"}
    assert result.facts["unused"] == ["no insight rests on nights.txt"]


async def test_an_order_that_is_never_covered_is_a_named_error(room: Crewroom) -> None:
    with pytest.raises(InvalidOutput, match="3 insights were given, 5 are ordered"):
        await sent_back(room, a_draft(3))


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda each: each["id"])
async def test_a_hostile_document_stays_data_and_gives_no_order(
    injection: dict[str, str], room: Crewroom
) -> None:
    """R7.2c"""
    await lay(room, "hostile.md", f"Worries about anxiety. {injection['text']} {NIGHTS}")
    tasks: list[str] = []

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        tasks.append(task)
        return await offline(agent, task, about, output)

    result = await room.work("research", ask)

    for task in tasks:
        assert (task.count("<brief>"), task.count("</brief>")) == (1, 1)
        assert "hostile.md" in {p["document"] for p in brief_in(task)["passages"]}
    assert isinstance(result.artifact, Insights)
    assert len(result.artifact.insights) == 15


def test_a_passage_bears_what_shares_two_words_of_weight_with_it() -> None:
    passage = Passage("p01", artifacts.Source(), "Worrying thoughts return at night.")

    assert passage.bears("A worried thought comes back.")
    assert not passage.bears("These thoughts would stay with these.")
