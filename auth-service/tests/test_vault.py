"""Keys to providers: written by their users, used for their journals, read by nobody (R4.2a)."""

import base64
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from auth_service import commands, vault
from auth_service.envelopes import Envelopes
from auth_service.grants import Orchestrator
from chassis.calls import ServiceCalls
from chassis.database import Database
from chassis.ids import new_id
from chassis.seals import Unsealable

from .conftest import VAULT_KEY
from .test_accounts import bearer

CANARY = "sk-canary-of-ada-0123456789wxyz"
OTHER = "sk-another-key-of-hers-98765"
NEW_KEK = base64.b64encode(b"n" * 32).decode()


class Ada:
    """A user, her journals, and what a service that asks for her keys is told."""

    def __init__(self, door: Any, token: str, user_id: UUID) -> None:
        self.door, self.user_id = door, user_id
        self.headers = bearer(token)
        self.journal = new_id()
        self.open: bool | None = True
        self.asked = 0
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(self._told), base_url="http://orchestrator.test"
        )
        desk = door.app.state.desk
        door.app.state.desk = replace(desk, orchestrator=Orchestrator(client, lambda: "token"))

    def _told(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.open is None:
            return httpx.Response(503)
        if request.url.path != f"/v1/owners/{self.journal}":
            return httpx.Response(404)
        return httpx.Response(200, json={"user_id": str(self.user_id), "open": self.open})

    async def put(self, key: str = CANARY, provider: str = "openai") -> httpx.Response:
        answer: httpx.Response = await self.door.client.put(
            f"/v1/keys/{provider}", json={"key": key}, headers=self.headers
        )
        return answer

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.door.client.get("/v1/keys", headers=self.headers)
        return list(answer.json()["items"])

    async def used(
        self, *, by: ECKey | None = None, journal: UUID | None = None, user: UUID | None = None
    ) -> httpx.Response:
        """What a service gets that wants her keys for a journal."""
        key = by or self.door.workers_key
        calls = ServiceCalls(str(key.kid), key, "http://auth.test", self.door.client)
        wish = {
            "journal_id": str(journal or self.journal),
            "user_id": str(user or self.user_id),
            "providers": ["openai", "elsewhere"],
        }
        headers = {"Service-Authorization": f"Bearer {await calls.token()}"}
        answer: httpx.Response = await self.door.client.post(
            "/v1/vault/use", json=wish, headers=headers
        )
        return answer


@pytest.fixture
async def ada(door: Any) -> Ada:
    token = await door.sign_up_and_in()
    me = (await door.client.get("/v1/auth/me", headers=bearer(token))).json()
    return Ada(door, token, UUID(me["id"]))


@pytest.fixture
async def connection(database_url: str) -> Any:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def dump(connection: asyncpg.Connection) -> str:
    tables = await connection.fetch(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    rows = [
        row
        for table in tables
        for row in await connection.fetch(f'select t::text from "{table[0]}" t')  # noqa: S608
    ]
    return "\n".join(row[0] for row in rows)


async def test_a_user_writes_a_key_and_is_never_shown_it_again(ada: Ada) -> None:
    written = await ada.put()
    listed = await ada.listed()

    assert written.status_code == 200
    assert [written.json()] == listed
    assert set(listed[0]) == {
        *("provider", "last_four", "fingerprint", "version", "created_at", "used_at")
    }
    assert (listed[0]["last_four"], listed[0]["version"], listed[0]["used_at"]) == ("wxyz", 1, None)
    assert CANARY not in written.text + str(listed)
    assert CANARY.encode().hex() not in str(listed)


async def test_a_worker_uses_it_for_an_open_journal_of_its_user(ada: Ada) -> None:
    await ada.put()

    first, second = await ada.used(), await ada.used()

    assert first.json() == second.json() == {"keys": {"openai": CANARY}}
    assert first.headers["cache-control"] == "no-store"
    assert ada.asked == 1  # the grant holds for an hour
    assert (await ada.listed())[0]["used_at"] is not None


async def test_nobody_uses_it_for_anything_else(ada: Ada) -> None:
    await ada.put()

    answers = [
        await ada.used(journal=new_id()),
        await ada.used(by=ada.door.gateway_key),
        await ada.used(by=ada.door.media_key),
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert not any(CANARY in answer.text for answer in answers)


async def test_a_journal_of_another_user_opens_nothing(door: Any, ada: Ada) -> None:
    await ada.put()
    token = await door.sign_up_and_in("eve@example.com")
    eve = (await door.client.get("/v1/auth/me", headers=bearer(token))).json()
    owner, ada.user_id = ada.user_id, UUID(eve["id"])  # whose journal it is, says the orchestrator

    answer = await ada.used(user=owner)

    assert (answer.status_code, answer.json()["code"]) == (403, "not_granted")


async def test_a_journal_that_is_over_opens_nothing_and_nobody_to_ask_is_no(ada: Ada) -> None:
    await ada.put()
    ada.open = False
    over = await ada.used()
    ada.open = None
    away = await ada.used()

    assert (over.status_code, away.status_code) == (403, 503)


async def test_a_user_or_a_stranger_asks_for_no_key_at_all(ada: Ada) -> None:
    await ada.put()
    wish = {"journal_id": str(ada.journal), "user_id": str(ada.user_id), "providers": ["openai"]}
    token = ada.headers["Authorization"]

    answers = [
        await ada.door.client.post("/v1/vault/use", json=wish, headers=headers)
        for headers in ({}, ada.headers, {"Service-Authorization": token})
    ]

    assert {answer.status_code for answer in answers} == {401}


async def test_keys_of_others_are_neither_seen_nor_deleted(door: Any, ada: Ada) -> None:
    await ada.put()
    eve = bearer(await door.sign_up_and_in("eve@example.com"))

    listed = await door.client.get("/v1/keys", headers=eve)
    deleted = await door.client.delete("/v1/keys/openai", headers=eve)

    assert listed.json() == {"items": []}
    assert deleted.status_code == 404
    assert (await ada.used()).json() == {"keys": {"openai": CANARY}}


async def test_what_was_shredded_is_opened_by_nothing(
    ada: Ada, connection: asyncpg.Connection
) -> None:
    """Not even where the closed key was kept elsewhere."""
    await ada.put()
    kept = await connection.fetchrow("select * from provider_key")
    deleted = await ada.door.client.delete("/v1/keys/openai", headers=ada.headers)
    await connection.execute(
        "insert into provider_key values ($1, $2, $3, $4, $5, $6, $7, $8)", *kept.values()
    )

    assert deleted.status_code == 204
    assert (await ada.used()).json() == {"keys": {}}
    assert await connection.fetchval("select count(*) from data_key") == 0


async def test_a_deleted_account_leaves_nothing_that_opens(
    ada: Ada, connection: asyncpg.Connection
) -> None:
    await ada.put()
    await ada.used()

    body = {"password": "correct horse battery"}
    await ada.door.client.post("/v1/auth/delete-account", json=body, headers=ada.headers)

    for table in ("provider_key", "data_key", "vault_grant"):
        assert await connection.fetchval(f"select count(*) from {table}") == 0  # noqa: S608
    assert (await ada.used()).json() == {"keys": {}}


async def test_a_new_key_takes_the_place_of_the_one_before(ada: Ada) -> None:
    await ada.put()
    written = await ada.put(OTHER)

    assert written.json()["version"] == 2
    assert (await ada.used()).json() == {"keys": {"openai": OTHER}}


async def test_a_closed_key_opens_in_no_other_place(
    ada: Ada, door: Any, connection: asyncpg.Connection
) -> None:
    """Moved to another user, provider or version, it is noise: and nobody is given any key."""
    await ada.put()
    await ada.put(OTHER, "elsewhere")
    for table, closed in (("provider_key", "sealed"), ("data_key", "wrapped")):
        await connection.execute(
            f"update {table} t set {closed} = o.{closed} from {table} o"  # noqa: S608
            " where t.provider = 'elsewhere' and o.provider = 'openai'"
        )

    answer = await ada.used()

    assert (answer.status_code, answer.json()["code"]) == (503, "vault_shut")
    assert CANARY not in answer.text


async def test_the_vaults_key_turns_and_the_former_one_is_needed_no_more(
    ada: Ada, database_url: str, connection: asyncpg.Connection
) -> None:
    await ada.put()
    await ada.put(OTHER, "elsewhere")
    both, new = Envelopes(f"{NEW_KEK} {VAULT_KEY}"), Envelopes(NEW_KEK)
    wanted = ("openai", "elsewhere")

    async with Database.open(database_url) as database:
        async with database.transaction() as session:
            with pytest.raises(Unsealable):
                await vault.use(session, new, ada.user_id, wanted)
        done = [await commands.rewrap(database, both) for _ in range(2)]
        async with database.transaction() as session:
            opened = await vault.use(session, new, ada.user_id, wanted)

    assert done == [2, 0]
    assert opened == {"openai": CANARY, "elsewhere": OTHER}
    assert await connection.fetch("select distinct kek from data_key") == [(new.current,)]


@pytest.mark.parametrize("keys", ["", "dG9vIHNob3J0", "not base64!"])
def test_a_vault_without_a_whole_key_is_not_opened(keys: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Envelopes(keys)


async def test_what_is_no_key_is_refused_and_not_repeated(ada: Ada) -> None:
    for key in ("", "too-short", "with a space in the middle", "x" * 501, "sk-\n0123456789abcdef"):
        answer = await ada.put(key)

        assert answer.status_code == 422
        assert not key or key not in answer.text


async def test_a_key_is_in_no_row_and_no_log(ada: Ada, connection: asyncpg.Connection) -> None:
    with capture_logs() as told:
        await ada.put()
        await ada.used()
        await ada.used(journal=new_id())
        await ada.door.client.delete("/v1/keys/openai", headers=ada.headers)
        await ada.put()

    rows = await dump(connection)
    events = [line["event"] for line in told if line.get("audit")]
    assert events[:4] == ["key_written", "vault_used", "vault_refused", "key_shredded"]
    for place in (rows, str(told)):
        assert CANARY not in place
        assert CANARY.encode().hex() not in place
        assert base64.b64encode(CANARY.encode()).decode()[:-4] not in place
