"""What attackers find: a platform (`tests/conftest.py`), people on it, and their tokens.

`platform` is the whole one, shared by all files of a test process. `street` is a
second replica of each service beside it, `visitor` somebody there. `user` and `stranger` are the
same two people for all tests of a file, `newcomer` is somebody new; every test finds the limits as
if nobody had come before it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
import redis

from chassis.ids import new_id
from journal_client.client import Client
from journal_contracts.api import Credentials
from journalcraft.platform import Platform
from tests.conftest import registered
from tests.openid.browser import Browser, open_browser
from tests.openid.liar import Liar
from tests.openid.provider import Provider

from .street import Street, Visitor, open_street

TOKEN_SECONDS = 300.0
"""How long a token of the file's people is used; signing in costs a password check."""


@dataclass
class Person:
    """Somebody with an account."""

    name: Credentials
    token: str
    since: float


@pytest.fixture
def door(platform: Platform) -> str:
    """The gateway's address."""
    return platform.url


@pytest.fixture(autouse=True)
def fresh_limits(platform: Platform) -> Iterator[Callable[[], None]]:
    """All attackers come from one address: what one used up is not taken from the next."""
    with redis.Redis.from_url(platform.addresses.redis) as kept:

        def refill() -> None:
            if spent := list(kept.scan_iter("limit:*", count=1_000)):
                kept.delete(*spent)

        refill()
        yield refill


@pytest.fixture(scope="module")
def people(platform: Platform) -> list[Person]:
    """Two accounts."""

    async def join() -> Person:
        word = f"a long pass phrase {new_id()}"
        name = Credentials(email=f"{new_id()}@example.org", password=word)
        async with Client.open(platform.url, name) as client:
            await client.register()
            return Person(name, await client.token(), time.monotonic())

    async def all_join() -> list[Person]:
        return [await join(), await join()]

    return asyncio.run(all_join())


@pytest.fixture(scope="module")
def street(platform: Platform) -> Iterator[Street]:
    with open_street(platform) as street:
        yield street


@pytest.fixture
async def visitor(street: Street) -> AsyncIterator[Visitor]:
    async with street.visitor() as visitor:
        yield visitor


@pytest.fixture
async def user(platform: Platform, people: list[Person]) -> AsyncIterator[Client]:
    """Somebody, signed in."""
    async with _signed_in(platform.url, people[0]) as client:
        yield client


@pytest.fixture
async def stranger(platform: Platform, people: list[Person]) -> AsyncIterator[Client]:
    """Somebody else, signed in."""
    async with _signed_in(platform.url, people[1]) as client:
        yield client


@pytest.fixture
async def newcomer(platform: Platform) -> AsyncIterator[Client]:
    """Somebody without a past."""
    async with registered(platform.url) as client:
        yield client


@pytest.fixture
async def http(door: str, user: Client) -> AsyncIterator[httpx.AsyncClient]:
    """The user's own requests, one at a time or many at once."""
    headers = {"Authorization": f"Bearer {await user.token()}"}
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(
        base_url=door, headers=headers, timeout=30, limits=limits, trust_env=False
    ) as client:
        yield client


@contextlib.asynccontextmanager
async def _signed_in(url: str, person: Person) -> AsyncIterator[Client]:
    """A client that goes on with the person's token while it holds."""
    async with Client.open(url, person.name) as client:
        if time.monotonic() - person.since > TOKEN_SECONDS:
            person.token, person.since = await client.token(), time.monotonic()
        client._token, client._renew_at = person.token, person.since + TOKEN_SECONDS
        yield client


@pytest.fixture
async def browser(platform: Platform, certified: Provider, liar: Liar) -> AsyncIterator[Browser]:
    """Nobody's yet; the providers it may be sent to are there."""
    async with open_browser(platform.url) as browser:
        yield browser


@pytest.fixture
def other(browser: Browser) -> Browser:
    """Another one: the attacker's, or the victim's."""
    return Browser(browser.door, browser.http)
