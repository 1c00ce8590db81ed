"""A user's journals, page by page, on a real PostgreSQL (R5.2a, R7.2c)."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.errors import ServiceError
from chassis.ids import new_id
from journal_contracts.api import JournalCard, Sort
from orchestrator_service import lists
from orchestrator_service.lists import EVERYTHING, Wish

INSERT = text("""
    insert into journal (id, user_id, theme, plan, title, status, definition, version, saga,
                         created_at, updated_at)
    values (:id, :user, :theme, 'express', :title, :status, 1, 1, '{}', now(), now())
""")
THEMES = ("Calm", "anger", "Écriture", "calm", "100 % joy", "Zeit", "a_b", "calm seas")


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    async with database.transaction() as session:
        yield session


async def put(session: AsyncSession, user: UUID, *themes: str, **more: Any) -> None:
    for theme in themes:
        told = {"title": None, "status": "running", **more}
        await session.execute(INSERT, {"id": new_id(), "user": user, "theme": theme, **told})


async def walk(session: AsyncSession, user: UUID, wish: Wish, limit: int = 2) -> list[JournalCard]:
    """All pages, while another journal comes in after each."""
    cards: list[JournalCard] = []
    cursor: str | None = None
    while True:
        page = await lists.page(session, user, wish, limit, cursor)
        cards += page.items
        if page.next is None:
            return cards
        await put(session, user, "meanwhile", status="cancelled")
        cursor = page.next


@pytest.mark.parametrize("sort", ["newest", "oldest", "theme"])
async def test_every_journal_comes_once_whatever_is_ordered_meanwhile(
    sort: Sort, session: AsyncSession
) -> None:
    user = new_id()
    await put(session, user, *THEMES)
    await put(session, new_id(), "somebody else's")

    found = await walk(session, user, Wish(("running",), sort=sort))

    assert sorted(card.theme for card in found) == sorted(THEMES)
    ids = [card.id for card in found]
    if sort == "theme":
        whole = await lists.page(session, user, Wish(("running",), sort=sort), 50, None)
        assert tuple(found) == whole.items
    else:
        assert ids == sorted(ids, reverse=sort == "newest")


async def test_states_and_words_choose(session: AsyncSession) -> None:
    user = new_id()
    await put(session, user, "calm", "rage")
    await put(session, user, "rest", title="Calm Days", status="completed")

    async def themes(*statuses: Any, search: str = "") -> list[str]:
        found = await lists.page(session, user, Wish(statuses, search), 10, None)
        return [card.theme for card in found.items]

    assert await themes("completed") == ["rest"]
    assert await themes("completed", "running") == ["rest", "rage", "calm"]
    assert await themes(search="CALM") == ["rest", "calm"]
    assert await themes("running", search="calm") == ["calm"]
    assert await themes(search="%") == []
    assert await themes(search="c_lm") == []
    assert await themes(search="'; drop table journal; --") == []


@pytest.mark.parametrize(
    "cursor", ["x", "", "W10", "bnVsbA", "é", "[]", "eyJhIjoxfQ", "WyJhIiwiYiJd", "A" * 2_000]
)
async def test_a_cursor_that_is_none_is_refused(cursor: str, session: AsyncSession) -> None:
    with pytest.raises(ServiceError) as refused:
        await lists.page(session, new_id(), EVERYTHING, 10, cursor)

    assert (refused.value.status, refused.value.code) == (422, "cursor_unknown")


async def test_a_cursor_fits_its_own_list_only(session: AsyncSession) -> None:
    user = new_id()
    await put(session, user, *THEMES)
    cursor = (await lists.page(session, user, EVERYTHING, 2, None)).next

    for other in (Wish(sort="oldest"), Wish(sort="theme"), Wish(search="a"), Wish(("failed",))):
        with pytest.raises(ServiceError):
            await lists.page(session, user, other, 2, cursor)


@pytest.mark.parametrize(
    ("sort", "index"),
    [("newest", "journal_of_user"), ("oldest", "journal_of_user"), ("theme", "journal_by_theme")],
)
async def test_a_page_is_one_look_into_an_index(
    sort: Sort, index: str, session: AsyncSession
) -> None:
    user = new_id()
    await session.execute(text("set local enable_seqscan = off"))
    await session.execute(text("set local enable_sort = off"))
    wish = Wish(sort=sort)
    query = lists.query(user, wish, None).limit(20)
    compiled = str(query.compile(compile_kwargs={"literal_binds": True}))

    plan = "\n".join((await session.scalars(text(f"explain {compiled}"))).all())

    assert index in plan
    assert "Sort" not in plan
