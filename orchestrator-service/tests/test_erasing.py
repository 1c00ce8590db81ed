"""A user whose account is gone leaves nothing here, and others keep what is theirs (R7.1)."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis.broker import NotForMe
from chassis.exporting import rows_of
from chassis.ids import new_id
from journal_contracts.api import JournalOrder
from journal_contracts.events import CraftDeleted, CraftUnshared
from journal_contracts.product import PlanName
from orchestrator_service.erasing import TABLES, Erasing
from orchestrator_service.exporting import QUERIES
from orchestrator_service.library import Shelf

from .test_desk import House, house
from .test_sharing import Street, street

__all__ = ["house", "street"]
CANARY = "canary-theme"
LEFT_BY_TRANSITIONS = {"journal", "collaborator"}
NAMED = """
select table_name from information_schema.columns
 where table_schema = 'public' and column_name = 'user_id'
"""
FILL = (
    "insert into webhook (id, user_id, url, events, secret)"
    " values (gen_random_uuid(), $1, 'https://x.test/canary-theme', '{}', 'x')",
    "insert into delivery (id, webhook_id, journal_id, n, event, body)"
    " select gen_random_uuid(), w.id, j.id, 1, 'e', 'canary-theme' from webhook w, journal j"
    "  where w.user_id = $1 and j.user_id = $1",
    "insert into model_call select gen_random_uuid(), $1, gen_random_uuid(), 'a', 'm', 1, 1, 0.1,"
    " now()",
    "insert into user_day (user_id, day) values ($1, current_date)",
    "insert into share values ('writing', $1, 1, 1)",
    "insert into dead_letter values (gen_random_uuid(), 's', 'q', 'n', null, 'r', 'e', 0, 0,"
    ' convert_to(\'{"theme": "canary-theme", "user_id": "\' || $1::uuid || \'"}\', \'UTF8\'),'
    " null, null, null, '{}', now())",
)


@pytest.fixture
def erasing(street: Street) -> Erasing:
    return Erasing(street.house.database, street.house.desk, street.shared)


async def everything(house: House) -> str:
    """All rows, as text; but of letters on their way, which others are to hear, only commands."""
    tables = await house.pool.fetch(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    queries = [f'select t::text from "{row[0]}" t' for row in tables if row[0] != "outbox"]  # noqa: S608
    queries.append("select convert_from(body, 'UTF8') from outbox where phase is not null")
    queries.append("select convert_from(body, 'UTF8') from dead_letter")
    return "\n".join([row[0] for query in queries for row in await house.pool.fetch(query)])


async def filled(street: Street, user: UUID) -> UUID:
    """A running journal, and a row in every other table that names its user."""
    house = street.house
    order = JournalOrder(theme=CANARY, plan=PlanName.STANDARD)
    journal = (await house.desk.order(user, order, "key")).id
    await Shelf(house.database).tag(user, journal, [CANARY])
    for statement in FILL:
        await house.pool.execute(statement, user)
    return journal


async def test_a_user_who_left_leaves_no_row_and_the_world_is_told(
    street: Street, erasing: Erasing
) -> None:
    user, other = new_id(), new_id()
    theirs = await filled(street, user)
    kept = await street.journal(other)
    await street.join(other, kept, user)

    await erasing.erase(user)
    await erasing.erase(user)

    left = await everything(street.house)
    assert CANARY not in left
    assert await street.house.pool.fetchval("select count(*) from collaborator") == 0
    [gone] = await street.house.said(CraftDeleted.name)
    assert CraftDeleted.model_validate_json(gone).journal_id == theirs
    assert [e["member"] for e in await street.told(kept) if e["type"] == CraftUnshared.name] == [
        str(user)
    ]
    assert (await street.house.desk.state(other, kept)).id == kept


async def test_every_table_that_names_a_user_is_erased(house: House) -> None:
    """Whoever adds a table adds it to `TABLES`, or lets a transition take its rows."""
    named = {row[0] for row in await house.pool.fetch(NAMED)}

    assert named == {*TABLES} | LEFT_BY_TRANSITIONS


async def test_an_export_has_all_of_a_user_and_nothing_of_another(street: Street) -> None:
    """R7.1: what a table that names users has is in it, but for shares of pools and the outbox."""
    user, other = new_id(), new_id()
    mine, theirs = await filled(street, user), await filled(street, other)
    kept = await street.journal(other)
    await street.join(other, kept, user)

    rows = await rows_of(street.house.database, QUERIES, user)

    assert all(rows[name] for name in QUERIES.keys() - {"decisions", "shared_with"})
    assert [row["id"] for row in rows["journals"]] == [str(mine)]
    assert {row["journal_id"] for row in rows["history"]} == {str(mine)}
    assert [row["journal_id"] for row in rows["shared_by_others"]] == [str(kept)]
    assert str(theirs) not in str(rows)
    assert "secret" not in rows["webhooks"][0]


async def test_an_erasure_that_broke_off_is_finished_when_it_is_asked_again(
    street: Street, erasing: Erasing, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new_id()
    await filled(street, user)
    for _ in range(2):
        await street.journal(user)
    delete = street.house.desk.delete

    async def once(*who: Any) -> None:
        monkeypatch.setattr(street.house.desk, "delete", broken)
        await delete(*who)

    async def broken(*who: Any) -> None:
        raise asyncpg.InterfaceError("the connection is lost")

    monkeypatch.setattr(street.house.desk, "delete", once)
    with pytest.raises(asyncpg.InterfaceError):
        await erasing.erase(user)
    monkeypatch.setattr(street.house.desk, "delete", delete)
    await erasing.erase(user)

    assert CANARY not in await everything(street.house)
    assert len(await street.house.said(CraftDeleted.name)) == 3


async def test_a_journal_that_only_newer_code_knows_is_left_to_a_replica_that_does(
    street: Street, erasing: Erasing
) -> None:
    user = new_id()
    await filled(street, user)
    await street.house.pool.execute("update journal set definition = 999")

    with pytest.raises(NotForMe):
        await erasing.erase(user)
