"""What was done to accounts is written with the deed, and nobody changes it unseen (R9.2d)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from auth_service import operators
from auth_service.chain import NOTHING, Entry, Mark, Walk, digest_of, link
from auth_service.checkpoints import Checkpoints, Forged, Signer
from chassis.database import Database
from chassis.identity import SERVICE_HEADER
from chassis.ids import new_id, now
from journal_contracts.auditing import AuditReport
from journal_contracts.catalogue import GATEWAY, ORCHESTRATOR

from .test_accounts import bearer
from .test_sessions import ADA, ask, go_on, later, sign_in

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVE = "eve@example.com"
Tampering = Callable[[asyncpg.Connection], Awaitable[Any]]


def grown(count: int, shard: int = 0) -> list[Entry]:
    """A chain."""
    entries, before = [], NOTHING
    for seq in range(1, count + 1):
        payload, at = f'{{"n": {seq}}}', NOON + timedelta(seconds=seq)
        digest = digest_of(payload)
        before = link(before, shard, seq, at, act="signed_in", digest=digest)
        entries.append(Entry(shard, seq, at, "signed_in", digest, before, payload))
    return entries


def found(entries: list[Entry], signed: list[Mark], ends: Entry | None = None) -> list[str]:
    walk = Walk(signed)
    for entry in entries:
        walk.step(entry)
    heads = {shard: Mark(shard, 0, NOTHING) for shard in range(8)}
    if last := ends or (entries[-1] if entries else None):
        heads[last.shard] = Mark(last.shard, last.seq, last.hash)
    return walk.end(heads).findings


def mark_of(entry: Entry) -> Mark:
    return Mark(entry.shard, entry.seq, entry.hash)


def test_a_chain_that_nobody_touched_holds_though_payloads_are_erased() -> None:
    entries = grown(5)
    entries[2] = replace(entries[2], payload=None)

    assert found(entries, [mark_of(entries[1]), mark_of(entries[4])]) == []


@pytest.mark.parametrize("field", ["at", "act", "digest", "hash", "payload"])
def test_an_edited_entry_is_found_wherever_it_was_edited(field: str) -> None:
    edited = {
        "at": NOON,
        "act": "signed_out",
        "digest": digest_of("{}"),
        "hash": bytes(range(32)),
        "payload": '{"n": 7}',
    }
    entries = grown(5)
    entries[2] = replace(entries[2], **{field: edited[field]})

    assert any(finding.startswith("0/3") for finding in found(entries, []))


def test_what_was_cut_out_moved_or_written_anew_is_found() -> None:
    entries, other = grown(5), grown(5, shard=1)
    signed = [mark_of(entries[3])]

    assert found([*entries[:2], *entries[3:]], signed)
    assert found([entries[1], entries[0], *entries[2:]], signed)
    assert found([*entries[:2], replace(other[2], shard=0), *entries[3:]], signed)
    assert found(entries[:3], signed)  # the tail, with a head to match
    assert found([], signed)
    assert found(entries[:4], [], ends=entries[4])  # the tail, without
    anew = [replace(entry, hash=digest_of(str(entry.seq))) for entry in entries]
    assert found(anew, signed)
    rewritten = grown(2)
    at, digest = NOON, digest_of("{}")
    for seq in (3, 4):
        hashed = link(rewritten[-1].hash, 0, seq, at, act="x", digest=digest)
        rewritten.append(Entry(0, seq, at, "x", digest, hashed, "{}"))
    assert found(rewritten, []) == []  # nothing shows but by what was signed
    assert found(rewritten, signed) == ["0/4: not what was signed"]


def test_a_checkpoint_is_signed_by_the_service_alone() -> None:
    signer, marks = Signer(b"secret"), [mark_of(grown(1)[0])]
    line = signer.line(marks, NOON)

    assert signer.read(line) == marks
    for forged in (line.replace("[1, ", "[2, "), Signer(b"other").line(marks, NOON), "{}", "x"):
        with pytest.raises(Forged):
            signer.read(forged)


class Operator:
    """Somebody who may read the audit."""

    def __init__(self, door: Any, headers: dict[str, str]) -> None:
        self._door, self.headers = door, headers

    async def report(self) -> AuditReport:
        answer = await self._door.client.get("/v1/audit", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return AuditReport.model_validate_json(answer.content)


@pytest.fixture
async def operator(door: Any, database_url: str) -> Operator:
    headers = bearer(await door.sign_up_and_in(EVE))
    async with Database.open(database_url) as database:
        await operators.grant(database, EVE, "root", vouched=True)
    return Operator(door, headers)


@pytest.fixture
async def connection(database_url: str) -> Any:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_what_is_done_to_an_account_is_written_with_the_deed(
    door: Any, operator: Operator, database_url: str
) -> None:
    here = await sign_in(door)
    await door.client.post("/v1/auth/login", json={**ADA, "password": "a wrong pass phrase"})
    await go_on(door, here["refresh_token"])
    await later(database_url, 11)
    await go_on(door, here["refresh_token"])
    again = (await sign_in(door))["access_token"]
    await ask(door, "POST", "logout", again)
    await door.client.put(
        "/v1/keys/openai", json={"key": "sk-0123456789abcdef"}, headers=bearer(again)
    )

    told = await operator.report()

    assert told.chain.findings == ()
    assert told.counts["access"] == {
        "account_opened": 2,
        "signed_in": 3,
        "login_failed": 1,
        "refresh_reused": 1,
        "sessions_ended": 1,
        "audit_read": 1,
    }
    assert told.counts["admin"] == {"operator_granted": 1}
    [granted] = told.last["admin"]
    assert granted.told["by"] == "root"
    assert not any("wrong pass phrase" in str(act) for act in told.last["access"])


async def test_nobody_but_operators_reads_it(door: Any) -> None:
    token = (await sign_in(door))["access_token"]

    answers = [
        await door.client.get("/v1/audit", headers=bearer(token)),
        await door.client.get("/v1/audit"),
    ]

    assert [answer.status_code for answer in answers] == [403, 401]


async def test_an_act_elsewhere_is_noted_for_operators_by_the_service_where_it_is_done(
    door: Any, operator: Operator
) -> None:
    """By their own token: the service does not say who it was."""
    ada = bearer((await sign_in(door))["access_token"])
    act = {"act": "dead_letters_dropped", "choice": {"service": "media-service"}}

    async def note(who: dict[str, str], service: str) -> int:
        own = door.app.state.desk.tokens.for_service(service, new_id(), now())
        headers = {**who, SERVICE_HEADER: f"Bearer {own}"}
        answer = await door.client.post("/v1/audit/acts", json=act, headers=headers)
        return int(answer.status_code)

    mine = operator.headers
    statuses = [await note(mine, ORCHESTRATOR), await note(mine, GATEWAY)]
    statuses.append(await note(ada, ORCHESTRATOR))
    bare = await door.client.post("/v1/audit/acts", json=act, headers=mine)

    acts = (await operator.report()).last["admin"]
    assert (statuses, bare.status_code) == ([204, 403, 403], 401)
    [noted] = [each for each in acts if each.act == "dead_letters_dropped"]
    assert noted.told["choice"] == {"service": "media-service"}


async def test_an_act_that_was_rolled_back_is_in_no_chain_and_many_at_once_are_in_one(
    door: Any, operator: Operator
) -> None:
    await sign_in(door)

    await asyncio.gather(*(door.client.post("/v1/auth/login", json=ADA) for _ in range(12)))

    told = await operator.report()
    assert told.chain.findings == ()
    assert told.counts["access"]["signed_in"] == 14


async def test_a_deleted_user_is_forgotten_and_the_chain_still_holds(
    door: Any, operator: Operator, connection: asyncpg.Connection
) -> None:
    here = (await sign_in(door))["access_token"]
    me = (await ask(door, "GET", "me", here)).json()["id"]
    await ask(door, "POST", "delete-account", here, json={"password": ADA["password"]})

    told = await operator.report()

    rows = await connection.fetch("select payload from audit_payload")
    assert told.chain.findings == ()
    assert told.chain.erased == 2  # the opening, and the sign-in
    assert [act.told["user_id"] for act in told.last["erasures"]] == [me]
    assert sum(me in row["payload"] for row in rows) == 1  # that it was erased


FEW = ("edited", "its tail cut, and the heads made to match", "reordered")
"""The rules are tried above, all of them; here, that they are asked."""

TAMPERINGS: dict[str, Tampering] = {
    "edited": lambda c: c.execute("update audit_entry set act = 'signed_out' where seq = 1"),
    "its payload edited": lambda c: c.execute("update audit_payload set payload = '{}'"),
    "cut": lambda c: c.execute("delete from audit_entry where seq = 1"),
    "its tail cut": lambda c: c.execute(
        "delete from audit_entry e using audit_head h where e.shard = h.shard and e.seq = h.seq"
    ),
    "its tail cut, and the heads made to match": lambda c: c.execute(
        "with gone as (delete from audit_entry where seq > 1 returning 1),"
        " told as (delete from audit_payload where seq > 1 returning 1)"
        " update audit_head h set seq = 1, hash = e.hash from audit_entry e"
        " where e.shard = h.shard and e.seq = 1 and h.seq > 1"
    ),
    "emptied": lambda c: c.execute(
        "with gone as (delete from audit_entry returning 1),"
        " told as (delete from audit_payload returning 1)"
        " update audit_head set seq = 0, hash = decode(repeat('00', 32), 'hex')"
    ),
    "reordered": lambda c: c.execute(
        "update audit_entry a set at = b.at, act = b.act, digest = b.digest, hash = b.hash"
        " from audit_entry b where a.shard = b.shard and a.seq + b.seq = 3 and a.seq in (1, 2)"
    ),
}


@pytest.mark.parametrize(
    "how", [how if how in FEW else pytest.param(how, marks=pytest.mark.deep) for how in TAMPERINGS]
)
async def test_what_was_done_to_the_audit_is_found(
    door: Any, operator: Operator, connection: asyncpg.Connection, how: str
) -> None:
    await sign_in(door)
    await sign_in(door)
    desk = door.app.state.desk
    await desk.checkpoints.write(desk.database)
    with pytest.raises(asyncpg.RaiseError, match="only added to"):
        await connection.execute("update audit_entry set act = 'x'")

    await connection.execute("alter table audit_entry disable trigger all")
    await TAMPERINGS[how](connection)
    told = await operator.report()

    assert told.chain.findings


async def test_checkpoints_lie_apart_and_grow_only_where_something_was_added(
    door: Any, operator: Operator, tmp_path: Path
) -> None:
    desk = door.app.state.desk
    apart = Checkpoints(Signer(desk.keys.secret), tmp_path / "elsewhere")

    written = [await apart.write(desk.database), await apart.write(desk.database)]
    await operator.report()
    written.append(await apart.write(desk.database))

    marks, wrong = await apart.read()
    file = tmp_path / "elsewhere" / "checkpoints.jsonl"
    file.write_text(file.read_text().replace("ends", "bends"))
    assert written == [True, False, True]
    assert (len(marks), wrong) == (16, [])
    assert len((await apart.read())[1]) == 2
