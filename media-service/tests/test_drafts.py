"""A draft is read by its owner, every edit in it, on a page that runs nothing (R2.2b, R7.2c)."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel

from chassis.ids import new_id
from journal_contracts.api import DraftParts, DraftView
from journal_contracts.artifacts import (
    AuthorStyle,
    Day,
    EditedBatch,
    EditedFrame,
    Frame,
    ImageRequirement,
    Manuscript,
    Manuscripts,
    Quote,
    Title,
)
from journal_contracts.product import BOOKS, LINES_A_DAY, Edition, mode_of, stage_of

Clients = Callable[[UUID], httpx.AsyncClient]
PICTURE = ImageRequirement(id="p", subject="a lamp", alt="A lamp.")
HOSTILE = "<script>alert(1)</script> & so on"


def a_book(edition: Edition, intro: str = "Begin here.") -> Manuscript:
    frame = Frame(
        quote=Quote(text="A page a day."),
        intro=intro,
        commitment="I, [Name], begin.",
        certificate="[Name] was here.",
        closing="Go on.",
        cover_picture=PICTURE,
        intro_picture=PICTURE,
        certificate_picture=PICTURE,
    )
    days = tuple(a_day(edition, day) for day in range(1, BOOKS[edition].days + 1))
    return Manuscript(
        edition=edition,
        title=Title(text="Quiet <b>Nights</b>"),
        theme="anxiety",
        audience="people who worry",
        author_style=AuthorStyle(label="Plain", line="Plain and warm."),
        written_by="a-model",
        sample_text=True,
        notice="No therapy.",
        frame=frame,
        days=days,
    )


def a_day(edition: Edition, day: int, question: str = "What do you see?") -> Day:
    return Day(
        day=day,
        stage=stage_of(edition, day),
        mode=mode_of(day),
        heading="A heading",
        warm_up=f"The text of day {day}.",
        question=question,
        lines=LINES_A_DAY,
        pictures=(PICTURE, PICTURE),
    )


@pytest.fixture
async def parts(crew: Any) -> DraftParts:
    """A proof, an edited batch and an edited frame, as workers keep them."""
    books = Manuscripts(
        journal=a_book(Edition.JOURNAL, HOSTILE), lead_magnet=a_book(Edition.LEAD_MAGNET)
    )
    day = a_day(Edition.JOURNAL, 2, "What does the kettle say?")
    frame = books.lead_magnet.frame.model_copy(update={"closing": "Read on in the journal."})

    async def kept(name: str, made: BaseModel) -> str:
        blob = await crew.store(name, made.model_dump_json().encode(), "application/json")
        key: str = blob.key
        return key

    edited = (
        await kept("editing/1.json", EditedBatch(edition=Edition.JOURNAL, days=(day,))),
        await kept("editing/2.json", EditedFrame(edition=Edition.LEAD_MAGNET, frame=frame)),
    )
    return DraftParts(proof=await kept("proof/1.json", books), edited=edited)


async def asked(client: httpx.AsyncClient, journal: UUID, parts: DraftParts, form: str) -> Any:
    path = f"/v1/journals/{journal}/draft?form={form}"
    return await client.post(path, json=parts.model_dump(mode="json"))


async def test_both_books_come_with_every_edit(
    open_client: Clients, crew: Any, parts: DraftParts
) -> None:
    answer = await asked(open_client(crew.user_id), crew.journal_id, parts, "json")

    draft = DraftView.model_validate_json(answer.content)
    assert draft.journal.days[1].question == "What does the kettle say?"
    assert draft.journal.days[2].question == "What do you see?"
    assert draft.lead_magnet.frame.closing == "Read on in the journal."
    assert draft.journal.frame.closing == "Go on."
    assert (draft.journal.version, draft.lead_magnet.version) == (2, 2)


async def test_the_page_names_every_section_as_a_note_may(
    open_client: Clients, crew: Any, parts: DraftParts
) -> None:
    answer = await asked(open_client(crew.user_id), crew.journal_id, parts, "html")

    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    named = {"journal intro", "journal day 30", "lead magnet day 6", "lead magnet closing"}
    assert all(f">{name}<" in page for name in named)
    assert "What does the kettle say?" in page
    assert "Sample text, written offline." in page


async def test_what_was_written_is_text_in_the_page_and_nothing_is_run(
    open_client: Clients, crew: Any, parts: DraftParts
) -> None:
    answer = await asked(open_client(crew.user_id), crew.journal_id, parts, "html")

    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")


async def test_nobody_reads_the_draft_of_another(
    open_client: Clients, crew: Any, another_crew: Any, parts: DraftParts
) -> None:
    stranger = open_client(another_crew.user_id)

    for journal in (crew.journal_id, another_crew.journal_id):
        answer = await asked(stranger, journal, parts, "json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_draft_whose_parts_are_gone_is_none(
    open_client: Clients, crew: Any, parts: DraftParts
) -> None:
    lost = parts.model_copy(update={"proof": f"{crew.home}proof/{new_id()}.json"})

    assert (
        await asked(open_client(crew.user_id), crew.journal_id, lost, "html")
    ).status_code == 404
