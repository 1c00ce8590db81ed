"""Tags and themes of a user's journals, on a real PostgreSQL (R5.2b, R5.2d)."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.database import Database
from chassis.errors import NotFound, ServiceError
from chassis.ids import new_id
from journal_contracts.product import THEMES_OFFERED
from orchestrator_service import library, lists
from orchestrator_service.library import Shelf
from orchestrator_service.lists import Wish

from .test_lists import INSERT


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


async def journal(database: Database, user: UUID, theme: str = "calm") -> UUID:
    made = new_id()
    told = {"id": made, "user": user, "theme": theme, "title": None, "status": "running"}
    async with database.transaction() as session:
        await session.execute(INSERT, told)
    return made


async def names(shelf: Shelf, user: UUID) -> list[tuple[str, int]]:
    return [(tag.name, tag.journals) for tag in (await shelf.tags(user)).items]


async def test_a_journal_has_many_tags_and_a_tag_many_journals(
    database: Database, shelf: Shelf
) -> None:
    user = new_id()
    one, other = await journal(database, user), await journal(database, user)

    put = await shelf.tag(user, one, ["spring", "gifts", "gifts"])
    await shelf.tag(user, other, ["gifts"])

    assert put.tags == (await shelf.tags_of(user, one)).tags == ("gifts", "spring")
    assert await names(shelf, user) == [("gifts", 2), ("spring", 1)]
    async with database.transaction() as session:
        found = await lists.page(session, user, Wish(tag="gifts"), 10, None)
        none = await lists.page(session, new_id(), Wish(tag="gifts"), 10, None)
    assert [card.id for card in found.items] == [other, one]
    assert none.items == ()


async def test_a_tag_goes_with_its_last_journal(database: Database, shelf: Shelf) -> None:
    user = new_id()
    one, other = await journal(database, user), await journal(database, user)
    await shelf.tag(user, one, ["spring"])
    await shelf.tag(user, other, ["gifts"])

    await shelf.tag(user, one, [])
    async with database.transaction() as session:
        await session.execute(text("delete from journal where id = :id"), {"id": other})

    assert await names(shelf, user) == []


async def test_nobody_sees_or_ties_anothers(database: Database, shelf: Shelf) -> None:
    user, stranger = new_id(), new_id()
    made = await journal(database, user)
    await shelf.tag(user, made, ["mine"])

    for attempt in (shelf.tag(stranger, made, ["theirs"]), shelf.tags_of(stranger, made)):
        with pytest.raises(NotFound):
            await attempt
    assert await names(shelf, stranger) == []
    assert await names(shelf, user) == [("mine", 1)]


async def test_many_changes_at_once_lose_none(database: Database, shelf: Shelf) -> None:
    user = new_id()
    journals = [await journal(database, user) for _ in range(8)]

    await asyncio.gather(
        *(shelf.tag(user, each, ["all", f"n{n}"]) for n, each in enumerate(journals))
    )

    assert await names(shelf, user) == [("all", 8), *((f"n{n}", 1) for n in range(8))]


async def test_a_user_has_so_many_tags(
    database: Database, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MOST_TAGS", 2)
    user = new_id()
    made = await journal(database, user)

    with pytest.raises(ServiceError) as refused:
        await shelf.tag(user, made, ["a", "b", "c"])

    assert (refused.value.status, refused.value.code) == (409, "too_many_tags")
    assert await names(shelf, user) == []


async def test_themes_are_counted_whatever_their_case(database: Database, shelf: Shelf) -> None:
    user = new_id()
    for theme in ("Calm", "calm", "rage"):
        await journal(database, user, theme)
    await journal(database, new_id(), "somebody else's")

    page = await shelf.themes(user)

    assert [(each.theme.lower(), each.journals) for each in page.items] == [
        ("calm", 2),
        ("rage", 1),
    ]
    assert page.offered == THEMES_OFFERED
