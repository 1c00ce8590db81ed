"""A session that ends is over in every replica, heard or asked for (R7.1d)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.broker import connect, open_broker, say
from chassis.errors import Unavailable
from chassis.identity import Verifier
from chassis.ids import new_id, now
from chassis.remembered import SessionEnded
from chassis.revocation import OVERLAP, Revocations, feed_age
from journal_contracts.catalogue import MEDIA
from journal_contracts.events import SessionRevoked

USER = UUID(int=7)
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Auth:
    """What was revoked before, as the auth service tells it."""

    def __init__(self) -> None:
        self.revoked: list[UUID] = []
        self.away = False
        self.asked: list[dict[str, str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        if self.away:
            raise httpx.ConnectError("away")
        revoked = [{"session_id": str(each), "user_id": str(USER)} for each in self.revoked]
        page = {"at": AT.isoformat(), "revoked": revoked, "keys": ["one"]}
        return httpx.Response(200, json=page)


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def client(auth: Auth) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.MockTransport(auth.answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://auth") as client:
        yield client


def ended(verifier: Verifier, session_id: UUID) -> bool:
    try:
        verifier.revoked.check(session_id)
    except SessionEnded:
        return True
    return False


async def test_every_replica_hears_and_is_told_once(
    amqp_url: str, client: httpx.AsyncClient, auth: Auth
) -> None:
    told: list[Any] = []
    verifiers = [Verifier(client, "http://auth") for _ in range(2)]
    brokers = [connect(MEDIA, amqp_url) for _ in verifiers]
    feeds = [
        Revocations(verifier, client, lambda user, session: told.append((user, session)))
        for verifier in verifiers
    ]
    for feed, broker in zip(feeds, brokers, strict=True):
        feed.listen(broker, MEDIA)
    session = new_id()
    auth.revoked.append(session)
    said = SessionRevoked(user_id=USER, session_id=new_id(), at=now(), reason="logout")

    async with (
        open_broker(brokers[0]),
        open_broker(brokers[1]),
        feeds[0].following(),
        feeds[1].following(),
    ):
        for _ in range(2):
            await say(brokers[0], said)
        async with asyncio.timeout(20):
            while not all(ended(each, said.session_id) for each in verifiers):
                await asyncio.sleep(0.005)

    assert [ended(each, session) for each in verifiers] == [True, True]
    assert sorted(told, key=str) == sorted([(USER, session), (USER, said.session_id)] * 2, key=str)


async def test_who_cannot_be_told_what_was_before_lets_nobody_in(
    client: httpx.AsyncClient, auth: Auth
) -> None:
    auth.away = True
    verifier = Verifier(client, "http://auth")
    feed = Revocations(verifier, client)

    async with feed.following():
        with pytest.raises(Unavailable):
            verifier.revoked.check(new_id())
        auth.away = False
        await feed.catch_up()

    verifier.revoked.check(new_id())


async def test_what_was_not_heard_is_asked_for_with_some_overlap(
    client: httpx.AsyncClient, auth: Auth
) -> None:
    verifier = Verifier(client, "http://auth")
    feed = Revocations(verifier, client)
    await feed.catch_up()
    session = new_id()
    auth.revoked.append(session)

    await feed.catch_up()

    assert ended(verifier, session)
    assert auth.asked == [{}, {"since": (AT - OVERLAP).isoformat()}]
    (metric,) = feed_age.collect()
    assert 0 <= metric.samples[0].value < 60
