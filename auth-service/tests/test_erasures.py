"""An account that is gone is erased everywhere, twice, and each service's word is kept (R7.1)."""

import asyncio
import json
from collections.abc import Sequence
from copy import copy
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from auth_service import commands, erasures, exporting, reporting
from chassis.database import Database
from chassis.ids import new_id, now
from chassis.jobs import running
from journal_contracts.catalogue import BY_NAME
from journal_contracts.events import UserDeleted, UserErased

from .test_accounts import bearer
from .test_sessions import ADA, ask, sign_in

NAMED = """
select table_name from information_schema.columns
 where table_schema = 'public' and column_name = 'user_id'
"""
KEPT_BACK = {
    *("recovery_code", "data_key", "mail_token", "vault_grant"),
    *("oidc_visit", "revocation", "erasure", "erasure_receipt"),
}
"""Secrets and what they open; what ends within hours; and of erasures, which nobody is left to."""
SERVICES = BY_NAME[UserDeleted.name].heard_by


async def gone(door: Any) -> UUID:
    """Somebody who was here, and deleted the account."""
    token = (await sign_in(door))["access_token"]
    who = (await ask(door, "GET", "me", token)).json()["id"]
    word = {"password": ADA["password"]}
    assert (await ask(door, "POST", "delete-account", token, json=word)).status_code == 204
    return UUID(who)


def database_of(door: Any) -> Database:
    found: Database = door.app.state.desk.database
    return found


async def confirmed(door: Any, user: UUID, round_: int, services: Sequence[str] = SERVICES) -> None:
    for service in services:
        erased = UserErased(user_id=user, service=service, round=round_, at=now())
        await erasures.confirm(database_of(door), erased)


async def asked_again(door: Any) -> None:
    """Whatever is due is said, as it is some minutes later."""
    async with database_of(door).transaction() as session:
        await erasures.ask(session, door.app.state.desk.outbox, now())


async def receipts(door: Any, *, only_open: bool = False) -> list[dict[str, Any]]:
    lines = await commands.receipts(database_of(door), only_open=only_open)
    return [json.loads(line) for line in lines]


async def said(database_url: str) -> list[int]:
    """The rounds that were said."""
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(
        "select body from outbox where name = $1 order by id", UserDeleted.name
    )
    await connection.close()
    return [UserDeleted.model_validate_json(row["body"]).round for row in rows]


async def test_an_erasure_is_complete_when_all_have_confirmed_it_twice(
    door: Any, database_url: str
) -> None:
    user = await gone(door)

    await confirmed(door, user, 1, SERVICES[1:])
    await asked_again(door)
    [waiting] = await receipts(door, only_open=True)
    await confirmed(door, user, 1)
    await asked_again(door)
    await confirmed(door, user, 2, SERVICES[1:])
    await confirmed(door, user, 2, SERVICES[1:])
    [almost] = await receipts(door, only_open=True)
    await confirmed(door, user, 2)
    await asked_again(door)

    [receipt] = await receipts(door)
    assert await said(database_url) == [1, 1, 2]
    assert (waiting["round"], waiting["waits_for"]) == (1, [SERVICES[0]])
    assert (almost["round"], almost["waits_for"]) == (2, [SERVICES[0]])
    assert receipt["user_id"] == str(user)
    assert receipt["completed_at"] is not None
    assert sorted((r["round"], r["service"]) for r in receipt["confirmed"]) == sorted(
        (round_, service) for round_ in (1, 2) for service in SERVICES
    )
    assert await receipts(door, only_open=True) == []


async def test_a_word_that_nobody_asked_for_counts_for_nothing(door: Any) -> None:
    user = await gone(door)

    await confirmed(door, new_id(), 2)
    await confirmed(door, user, 1, ["somebody-else"])

    [receipt] = await receipts(door)
    assert receipt["confirmed"] == []


async def test_receipts_are_in_the_audit_which_holds_and_tells_of_nothing_else(door: Any) -> None:
    user = await gone(door)
    await confirmed(door, user, 1)
    await asked_again(door)
    await confirmed(door, user, 2)

    report = await reporting.report(door.app.state.desk, now() - timedelta(hours=1))
    acts = [act for section in report.last.values() for act in section]
    about = [act for act in acts if act.told.get("user_id") == str(user)]
    assert report.chain.findings == ()
    assert report.counts["erasures"] == {
        "account_deleted": 1,
        "erasure_confirmed": 2 * len(SERVICES),
    }
    assert {act.act for act in about} == {"account_deleted", "erasure_confirmed"}
    assert sum(bool(act.told.get("complete")) for act in about) == 1


async def test_after_a_restore_all_who_ever_left_are_erased_anew(
    door: Any, database_url: str
) -> None:
    user = await gone(door)
    await confirmed(door, user, 1)
    await asked_again(door)
    await confirmed(door, user, 2)
    token = (await sign_in(door))["access_token"]  # as if a restore had brought an account back
    back = UUID((await ask(door, "GET", "me", token)).json()["id"])

    assert await commands.erase_again(database_of(door), [back]) == 2
    await asked_again(door)

    assert await said(database_url) == [1, 2, 1, 1]
    assert {(each["user_id"], each["round"]) for each in await receipts(door, only_open=True)} == {
        (str(user), 1),
        (str(back), 1),
    }
    assert (await door.client.post("/v1/auth/login", json=ADA)).status_code == 401


async def test_an_export_wants_the_password_and_has_nothing_that_opens_anything(door: Any) -> None:
    token = (await sign_in(door))["access_token"]
    eve = await door.sign_up_and_in("eve@example.com")
    await door.client.put(
        "/v1/keys/openai", json={"key": "sk-0123456789abcdef"}, headers=bearer(token)
    )

    wrong = await ask(door, "POST", "export", token, json={"password": "y" * 15})
    told = await ask(door, "POST", "export", token, json={"password": ADA["password"]})

    me, other = [(await ask(door, "GET", "me", each)).json()["id"] for each in (token, eve)]
    rows = told.json()
    assert wrong.status_code == 401
    assert [row["email"] for row in rows["account"]] == [ADA["email"]]
    assert len(rows["sessions"]) == 1
    assert [row["last_four"] for row in rows["keys"]] == ["cdef"]
    assert [act["act"] for act in rows["acts"]][-3:] == ["key_written", "login_failed", "exported"]
    assert all(act["told"]["user_id"] == me for act in rows["acts"])
    assert other not in told.text
    assert "argon2" not in told.text
    assert "sk-0123" not in told.text
    assert told.headers["cache-control"] == "no-store"


async def test_every_table_that_names_a_user_is_exported_or_holds_what_opens_something(
    door: Any, database_url: str
) -> None:
    """Whoever adds a table adds it to `QUERIES`, or here."""
    connection = await asyncpg.connect(database_url)
    named = {row[0] for row in await connection.fetch(NAMED)}
    await connection.close()

    told = " ".join(exporting.QUERIES.values()).split()
    assert {table for table in named if table not in told} == KEPT_BACK


async def test_it_looks_once_where_nothing_is_owed_and_is_woken_by_who_leaves(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And then when the next round is due, however long the sweep."""
    outbox, left = copy(door.app.state.desk.outbox), asyncio.Event()
    looks: list[bool] = []
    look = erasures.ask

    async def counted(session: Any, mine: Any, before: Any) -> bool:
        said = await look(session, mine, before)
        looks.extend([said] if mine is outbox else [])
        return said

    monkeypatch.setattr(erasures, "SWEEP_SECONDS", 3_600.0)
    monkeypatch.setattr(erasures, "ask", counted)
    pause = timedelta(seconds=0.2)
    asking = partial(erasures.keep_asking, database_of(door), outbox, pause, left)

    async with asyncio.timeout(30), running("erasing", asking):
        while not looks:
            await asyncio.sleep(0.01)
        await gone(door)
        await asyncio.sleep(0.3)
        idle = list(looks)
        left.set()
        while True not in looks:
            await asyncio.sleep(0.01)

    assert idle == [False]
