"""A journal from the order to the books, with a platform that plays one."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.console import Console

from journal_client.client import Client
from journal_client.problems import Refused
from journal_contracts.api import Answer, JournalOrder
from journal_contracts.decisions import Choice, DecisionView
from journal_contracts.product import PlanName
from journalcraft.account import credentials_of, sign_in
from journalcraft.crafting import craft
from journalcraft.shelf import Damaged
from journalcraft.showing import Display, display_on
from journalcraft.terminal import ask_on, take_default

from .conftest import BOOKS, FakePlatform

ORDER = JournalOrder(theme="Journaling for Calm", plan=PlanName.EXPRESS)


@pytest.fixture
async def client(fake_platform: FakePlatform, tmp_path: Path) -> AsyncIterator[Client]:
    async with Client.open(fake_platform.url, credentials_of(tmp_path)) as client:
        await sign_in(client)
        yield client


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(params=["lines", "bars"])
def display(request: pytest.FixtureRequest, screen: io.StringIO) -> Display:
    return display_on(Console(file=screen, force_terminal=request.param == "bars", width=100))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


async def test_the_books_and_the_manifest_lie_in_a_folder_of_the_theme(
    client: Client, display: Display, out: Path, screen: io.StringIO
) -> None:
    view, folder = await craft(client, ORDER, out, display, take_default)

    assert folder == out / "journaling-for-calm"
    assert sorted(os.listdir(folder)) == ["journal.pdf", "lead-magnet.pdf", "manifest.json"]
    assert (folder / "journal.pdf").read_bytes() == BOOKS["journal"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["title"] == view.title == "Calm Pages"
    assert manifest["decisions"][0]["chosen_by"] == "user"
    assert "Title: Calm Pages (your choice)" in screen.getvalue()


async def test_a_person_is_asked_until_the_answer_fits(
    client: Client, display: Display, out: Path, screen: io.StringIO, fake_platform: FakePlatform
) -> None:
    typed = iter(["7\n", "My Own Title\n"])

    async def read_line() -> str:
        return next(typed)

    await craft(client, ORDER, out, display, ask_on(display, read_line))

    assert fake_platform.answers[0].choice == Choice(option="own", text="My Own Title")
    assert " *  1  Calm Pages" in screen.getvalue()


async def test_the_draft_lies_in_a_file_when_it_is_to_be_approved(
    client: Client, display: Display, out: Path, screen: io.StringIO, fake_platform: FakePlatform
) -> None:
    """R2.2b"""
    fake_platform.asks = "draft"

    await craft(client, ORDER, out, display, take_default)

    assert fake_platform.view
    place = out / f"draft-{fake_platform.view.id}.html"
    assert place.read_text() == "<p>The draft</p>"
    assert f"Read the draft: {place}" in screen.getvalue().replace("\n", "")


async def test_nobody_is_asked_any_longer_when_somebody_else_chose(
    client: Client, display: Display, out: Path, fake_platform: FakePlatform
) -> None:
    is_asked = asyncio.Event()
    withdrawn: list[str] = []

    async def ask(decision: DecisionView) -> Choice:
        is_asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            withdrawn.append(decision.id)
            raise
        raise AssertionError

    crafted = asyncio.create_task(craft(client, ORDER, out, display, ask))
    await is_asked.wait()
    async with Client.open(fake_platform.url, client._credentials) as other:
        assert fake_platform.view
        await other.decide(fake_platform.view.id, "title", Answer(choice=Choice(option="t1")))
    _, folder = await crafted

    assert folder
    assert withdrawn == ["title"]


async def test_a_lost_connection_is_not_noticed(
    client: Client, display: Display, out: Path, fake_platform: FakePlatform
) -> None:
    fake_platform.drops_after_decision = True

    _, folder = await craft(client, ORDER, out, display, take_default)

    assert folder


async def test_a_failed_journal_tells_why(
    client: Client, display: Display, out: Path, fake_platform: FakePlatform
) -> None:
    fake_platform.fails = True

    view, folder = await craft(client, ORDER, out, display, take_default)

    assert folder is None
    assert view.trouble
    assert (view.status, view.trouble.code) == ("failed", "no_insights")
    assert os.listdir(out) == []


async def test_a_damaged_book_leaves_no_folder(
    client: Client, display: Display, out: Path, fake_platform: FakePlatform
) -> None:
    fake_platform.books["lead_magnet"] = b"%PDF something else"

    with pytest.raises(Damaged):
        await craft(client, ORDER, out, display, take_default)

    assert os.listdir(out) == []


async def test_stopping_cancels_the_journal(
    client: Client, display: Display, out: Path, fake_platform: FakePlatform
) -> None:
    is_asked = asyncio.Event()

    async def ask(decision: DecisionView) -> Choice:
        is_asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    crafted = asyncio.create_task(craft(client, ORDER, out, display, ask))
    await is_asked.wait()
    crafted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await crafted

    assert fake_platform.view
    assert fake_platform.view.status == "cancelled"


async def test_an_order_survives_a_gateway_that_is_away_and_a_token_that_is_spent(
    client: Client, fake_platform: FakePlatform
) -> None:
    away = (503, {"title": "Away", "status": 503, "code": "unavailable"})
    spent = (401, {"title": "Unauthorized", "status": 401, "code": "unauthorized"})
    fake_platform.refusals = [away, spent]

    journal = await client.order(ORDER)

    assert fake_platform.view
    assert journal == fake_platform.view.id
    assert fake_platform.logins == 2
    assert fake_platform.orders == [
        {
            "theme": "Journaling for Calm",
            "plan": "express",
            "title_style": "inspirational",
            "language": "en",
            "unattended": False,
            "decisions": {},
            "documents": [],
        }
    ]


async def test_a_refusal_is_one_line(client: Client, fake_platform: FakePlatform) -> None:
    errors = [{"pointer": "/body/theme", "detail": "too odd"}]
    problem = {"title": "Unprocessable", "status": 422, "code": "invalid_request", "errors": errors}
    fake_platform.refusals = [(422, {**problem, "detail": "The request does not fit."})]

    with pytest.raises(Refused) as refused:
        await client.order(ORDER)

    line = "The request does not fit. /body/theme: too odd (invalid_request)"
    assert str(refused.value) == line
