"""Webhooks: signed, tried again, given up, and never sent into our own house (R4.1a, R7.2c)."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.broker import letter_of
from chassis.database import Database, Pool, open_pool
from chassis.errors import ServiceError
from chassis.ids import new_id
from journal_contracts.api import JournalOrder
from journal_contracts.events import CraftCompleted, CraftPaused
from journal_contracts.message import PublicEvent
from journal_contracts.webhooks import DeliveryView, NewWebhook, WebhookOrder
from orchestrator_service import notices as telling
from orchestrator_service.engine.changes import Change
from orchestrator_service.notices import Notices
from orchestrator_service.posting import AddressRefused, Post, is_of_the_world
from orchestrator_service.webhooks import MOST, Webhooks

from .test_desk import House, house

__all__ = ["house"]
AT = datetime(2026, 1, 1, tzinfo=UTC)
SOON = timedelta(milliseconds=10)
DONE = CraftCompleted.name
NOT_OF_THE_WORLD = "This address is not of the public internet."


@dataclass
class Receiver:
    """Somebody's server: it keeps what it is told, and answers as it is to."""

    url: str = ""
    status: int = 204
    extra: str = ""
    told: list[tuple[dict[str, str], str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        headers = {name.lower(): value for name, value in lines}
        body = await reader.readexactly(int(headers["content-length"]))
        self.told.append((headers, body.decode()))
        answer = f"HTTP/1.1 {self.status} X\r\n{self.extra}Content-Length: 0\r\n\r\n"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()


@dataclass
class Street:
    """Webhooks at work, and one who is told."""

    house: House
    pool: Pool
    webhooks: Webhooks
    notices: Notices
    receiver: Receiver
    user: UUID = field(default_factory=new_id)

    async def journal(self) -> UUID:
        return (await self.house.desk.order(self.user, JournalOrder(theme="anxiety"), None)).id

    async def say(self, event: PublicEvent) -> None:
        """Commit it with the next transition of its journal, as if that had been the cause."""
        store, journal = self.house.engine.store, event.journal_id
        before = (await store.load([journal])).get(journal)
        assert before
        after = replace(before, version=before.version + 1)
        letter = letter_of(event, new_id(), str(journal))
        assert await store.commit([Change(before, after, events=[letter])], []) == {journal}

    async def hook(self, *events: Any) -> NewWebhook:
        order = WebhookOrder(url=self.receiver.url, events=frozenset(events or (DONE,)))
        return await self.webhooks.add(self.user, order)

    async def deliveries(self, hook: UUID) -> Sequence[DeliveryView]:
        return (await self.webhooks.deliveries(self.user, hook)).items

    async def until(self, hook: UUID, state: str, attempts: int) -> DeliveryView:
        """The only delivery, once it is so."""
        async with asyncio.timeout(20):
            while True:
                (found,) = await self.deliveries(hook)
                if (found.state, found.attempts) == (state, attempts):
                    return found
                await asyncio.sleep(0.02)


def done(journal: UUID, user: UUID, n: int = 9, also: Sequence[UUID] = ()) -> CraftCompleted:
    return CraftCompleted(
        journal_id=journal, user_id=user, n=n, at=AT, percent=100, also=tuple(also), title="Calm"
    )


@pytest.fixture
async def street(
    house: House, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Street]:
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0.02)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/told?x=1"
    async with httpx.AsyncClient(trust_env=False) as client, open_pool(database_url) as pool:
        post = Post(client, local=True)
        notices = Notices(database, post, rungs=[SOON, SOON])
        job = asyncio.create_task(notices.keep_telling())
        yield Street(house, pool, Webhooks(database, post), notices, receiver)
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job
    server.close()


async def test_an_event_is_told_once_and_its_receiver_can_tell_who_told_it(street: Street) -> None:
    hook, journal = await street.hook(), await street.journal()
    event = done(journal, street.user)

    for _ in range(3):
        await street.say(event)
    await street.until(hook.id, "delivered", 1)

    ((headers, body),) = street.receiver.told
    told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    secret = base64.b64decode(hook.secret.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(secret, told, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert json.loads(body) == {
        "type": DONE,
        "timestamp": "2026-01-01T00:00:00Z",
        "data": event.model_dump(mode="json", exclude={"also"}),
    }


async def test_only_what_is_wanted_by_who_may_see_it_is_told(street: Street) -> None:
    hook, journal = await street.hook(), await street.journal()
    other = PublicEvent.model_validate(
        {"journal_id": journal, "user_id": street.user, "n": 1, "at": AT, "percent": 1}
    )
    unwanted = CraftPaused(**other.model_dump(), until=AT)

    await street.say(unwanted)
    await street.say(done(journal, new_id()))
    assert await street.deliveries(hook.id) == ()
    await street.say(done(journal, new_id(), also=[street.user]))

    await street.until(hook.id, "delivered", 1)


async def test_what_is_not_taken_is_told_again_and_given_up_and_sent_again_by_hand(
    street: Street,
) -> None:
    street.receiver.status = 500
    hook, journal = await street.hook(), await street.journal()
    await street.say(done(journal, street.user))

    failed = await street.until(hook.id, "failed", 3)
    (seen,) = (await street.webhooks.page(street.user)).items
    street.receiver.status = 200
    await street.webhooks.deliver_again(street.user, hook.id, failed.id)
    taken = await street.until(hook.id, "delivered", 1)

    assert (failed.last_status, seen.failures, seen.disabled_at) == (500, 3, None)
    assert len({headers["webhook-id"] for headers, _ in street.receiver.told}) == 1
    assert taken.last_status == 200
    assert (await street.webhooks.page(street.user)).items[0].failures == 0


async def test_what_was_told_long_ago_is_forgotten_and_nothing_else(street: Street) -> None:
    hook, journal = await street.hook(), await street.journal()
    for n in (1, 2, 3):
        await street.say(done(journal, street.user, n))
    async with asyncio.timeout(20):
        while {each.state for each in await street.deliveries(hook.id)} != {"delivered"}:
            await asyncio.sleep(0.02)
    old = "update delivery set created_at = now() - interval '31 days'"
    await street.pool.execute(f"{old} where n < 3")
    await street.pool.execute(
        "update delivery set due_at = 'infinity', state = 'waiting' where n = 2"
    )

    await street.notices.forget()

    kept = await street.pool.fetch("select n from delivery order by n")
    assert [row["n"] for row in kept] == [2, 3]


@pytest.mark.parametrize("status", [410, 500])
async def test_who_is_gone_or_fails_and_fails_is_disabled_and_its_user_sees_it(
    street: Street, status: int
) -> None:
    street.receiver.status = status
    hook, journal = await street.hook(), await street.journal()
    await street.pool.execute("update webhook set failures = 19 where $1 = 500", status)
    await street.say(done(journal, street.user))

    given_up = await street.until(hook.id, "failed", 1)

    (seen,) = (await street.webhooks.page(street.user)).items
    assert seen.disabled_at is not None
    with pytest.raises(ServiceError) as refused:
        await street.webhooks.deliver_again(street.user, hook.id, given_up.id)
    assert refused.value.code == "webhook_disabled"
    assert (await street.webhooks.enable(street.user, hook.id)).failures == 0
    street.receiver.status = 200
    await street.webhooks.deliver_again(street.user, hook.id, given_up.id)
    await street.until(hook.id, "delivered", 1)


async def test_webhooks_are_their_users_own_and_so_many(street: Street) -> None:
    hook = await street.hook()
    stranger = new_id()

    for asked in (
        street.webhooks.deliveries(stranger, hook.id),
        street.webhooks.enable(stranger, hook.id),
        street.webhooks.remove(stranger, hook.id),
        street.webhooks.deliver_again(stranger, hook.id, new_id()),
    ):
        with pytest.raises(ServiceError) as refused:
            await asked
        assert refused.value.status == 404
    made = await asyncio.gather(*(street.hook() for _ in range(MOST)), return_exceptions=True)
    assert sum(isinstance(each, ServiceError) for each in made) == 1
    assert "secret" not in type((await street.webhooks.page(street.user)).items[0]).model_fields


# --- where nobody is sent -----------------------------------------------------------------------

HOUSES = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%1", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
    *("::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
)
"""Addresses of ours, of nobody, or in disguise."""


@pytest.mark.parametrize("host", HOUSES)
def test_an_address_that_is_not_of_the_world_is_known_as_such(host: str) -> None:
    assert not is_of_the_world(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "93.184.216.34", "2606:4700::1111"])
def test_an_address_of_the_world_is_told(host: str) -> None:
    assert is_of_the_world(host)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "https://u:p@example.org/", "https:///x"),
        *("https://[::1", "file:///etc/passwd"),
    ],
)
def test_what_is_no_address_of_the_world_is_refused_when_it_is_named(url: str) -> None:
    with pytest.raises(AddressRefused):
        Post(httpx.AsyncClient()).check(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_nothing_is_sent_into_the_house(host: str) -> None:
    """Whatever the address is written like, what it resolves to is looked at."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await Post(client).send(f"https://{host}/", "{}", {})

    assert (answer.status, answer.error) == (None, NOT_OF_THE_WORLD)


async def test_a_name_with_one_address_of_ours_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def both(*asked: Any, **more: Any) -> list[Any]:
        hosts = ("93.184.216.34", "127.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 443)) for host in hosts]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await Post(client).send("https://rebinding.example/", "{}", {})

    assert answer.error == NOT_OF_THE_WORLD


async def test_a_redirect_is_a_failure_and_leads_nowhere(street: Street) -> None:
    other = Receiver()
    server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
    street.receiver.status = 302
    port = server.sockets[0].getsockname()[1]
    street.receiver.extra = f"Location: http://127.0.0.1:{port}/\r\n"
    hook, journal = await street.hook(), await street.journal()

    await street.say(done(journal, street.user))
    failed = await street.until(hook.id, "failed", 3)

    assert (failed.last_status, other.told) == (302, [])
    server.close()
