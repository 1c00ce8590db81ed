"""What a user gives reaches the crew: documents, notes on the draft; what is no book is refused.

R1.2d, R2.2b, R2.2c, R6.1a, R7.2c, on the whole platform.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from journal_client.client import Client
from journal_client.problems import Refused
from journal_contracts.api import Answer, DraftView, JournalOrder, JournalView
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName

from .following import over, until

DIARY = (
    "Anxiety at night is louder because the day no longer talks over it. Whoever writes the worry "
    "down before the shift finds that it waits outside the ward.\n\n"
    "A short list of anxious worries, written by hand, takes some weight from the evening."
)
ORDER = JournalOrder(
    theme="Journaling for Anxiety",
    plan=PlanName.COMPREHENSIVE,
    documents=("diary.md",),
    decisions={
        "author_style": Choice(option="s1"),
        "title": Choice(option="t1"),
        "pictures": Choice(option="none"),
        "format": Choice(option="6x9-plain"),
    },
)


@contextlib.asynccontextmanager
async def asking(user: Client) -> AsyncIterator[httpx.AsyncClient]:
    """Plain HTTP in the user's name."""
    headers = {"Authorization": f"Bearer {await user.token()}"}
    async with httpx.AsyncClient(base_url=user.url, headers=headers, timeout=30) as http:
        yield http


async def draft_of(user: Client, journal: UUID) -> DraftView:
    async with asking(user) as http:
        answer = await http.get(f"/v1/journals/{journal}/draft", params={"format": "json"})
    return DraftView.model_validate_json(answer.content)


def asks_for_the_draft(view: JournalView, rev: int) -> bool:
    return any((d.id, d.rev) == ("draft", rev) for d in view.open_decisions)


@pytest.mark.timeout(400)
async def test_documents_and_notes_on_the_draft_reach_the_books(
    user: Client, stranger: Client
) -> None:
    await user.keep_document("diary.md", DIARY.encode())
    journal = await user.order(ORDER)
    asked = await asyncio.wait_for(
        until(user, journal, lambda view: asks_for_the_draft(view, 1)), 150
    )
    before = await draft_of(user, journal)
    with pytest.raises(Refused) as foreign:
        await stranger.draft(journal)

    on_the_cover = Choice(option="changes", notes={"cover": "More blue."})
    with pytest.raises(Refused) as settled:
        await user.decide(journal, "draft", Answer(rev=1, choice=on_the_cover))
    notes = {"journal closing": "Make it warmer, please.", "all": "Shorter."}
    changes = Answer(rev=1, choice=Choice(option="changes", notes=notes))
    await user.decide(journal, "draft", changes)
    await asyncio.wait_for(until(user, journal, lambda view: asks_for_the_draft(view, 2)), 150)
    after = await draft_of(user, journal)
    view = await asyncio.wait_for(over(user, journal), 150)

    assert foreign.value.problem.status == 404
    assert settled.value.problem.code == "note_has_no_place"
    assert asked.research is not None
    assert asked.research.documents["diary.md"] >= 1
    assert asked.research.insights == asked.research.own + asked.research.documents["diary.md"]
    assert after.journal.frame.closing != before.journal.frame.closing
    assert after.lead_magnet.frame != before.lead_magnet.frame
    page = await user.draft(journal)
    assert ">journal closing<" in page
    assert view.status == "completed", view.trouble
    assert (await draft_of(user, journal)).journal == after.journal

    async with asking(user) as http:
        kept = (await http.get("/v1/documents")).json()["items"]
        await http.delete(f"/v1/journals/{journal}")
        assert [item["name"] for item in kept] == ["diary.md"]
        async with asyncio.timeout(20):
            while (await http.get("/v1/documents")).json()["items"]:
                await asyncio.sleep(0.2)


async def test_what_no_book_is_made_of_is_refused_at_the_door(user: Client) -> None:
    with pytest.raises(Refused) as refused:
        await user.order(JournalOrder(theme="how to kill myself"))

    problem = refused.value.problem
    assert (problem.status, problem.code) == (422, "theme_refused")
    assert "we would like you to stay" in problem.detail
    assert "988" in problem.detail
    async with asking(user) as http:
        assert (await http.get("/v1/journals")).json()["items"] == []


async def test_an_order_with_a_document_that_is_not_there_is_refused(user: Client) -> None:
    with pytest.raises(Refused) as refused:
        await user.order(ORDER)

    assert (refused.value.problem.status, refused.value.problem.code) == (422, "document_unknown")
