"""Every route of the door, as its own description names it, and everybody who may not (R7.1a).

Generated: a route that is new is tried too, and one that is open to all has to be named here.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from chassis.calls import ServiceCalls
from chassis.ids import new_id
from journal_client.client import Client
from journal_contracts.api import JournalOrder
from journalcraft.keys import CALLERS, keys_of
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH
from tests.door import operations

from .conftest import Person

OPEN: Final = {
    "POST /v1/auth/register",
    "POST /v1/auth/login",
    "POST /v1/auth/refresh",
    "POST /v1/auth/forgot",
    "POST /v1/auth/reset",
    "POST /v1/auth/verify",
    "POST /v1/auth/mail/confirm",
    "POST /v1/auth/notices/stop",
    "GET /v1/auth/oidc/providers",
    "POST /v1/auth/oidc/{provider}/start",
    "GET /v1/auth/oidc/{provider}/callback",
    "POST /v1/auth/oidc/login",
    "GET /v1/events",
    "GET /livez",
    "GET /readyz",
    "GET /startupz",
    "GET /metrics",
}
"""For who has no token: they bring a password, a letter's token, a ticket, a cookie or nothing."""
OF_OPERATORS: Final = ("/v1/dead-letters", "/v1/audit")
NOT_MADE_FOR: Final = {404, 409, 422}
"""What somebody else's journal answers: it is not there, or the question did not fit anyway."""


DESCRIBED: Final = operations()
CLOSED: Final = sorted(route for route, told in DESCRIBED.items() if told.get("security"))
FOREIGN: Final = [route for route in CLOSED if "{journal_id}" in route]


@dataclass(frozen=True)
class Tokens:
    """Those that open nothing, by what they are."""

    wrong: dict[str, str]
    journal: str
    """A journal of the first person's."""


@pytest.fixture(scope="module")
def tokens(platform: Platform, people: list[Person]) -> Tokens:
    async def gather() -> Tokens:
        auth = platform.program(AUTH).ready_url.removesuffix("/readyz")
        wrong = {"nothing": "", "noise": "a.b.c"}
        for name in CALLERS:
            key = json.dumps(keys_of(platform.state).services[name])
            async with ServiceCalls.open(name, key, auth) as calls:
                wrong[name] = await calls.token()
        async with Client.open(platform.url, people[1].name) as ended:
            wrong["a session that ended"] = await ended.token()
            await ended._ask("POST", "/v1/auth/logout")
        async with Client.open(platform.url, people[0].name) as owner:
            journal = await owner.order(JournalOrder(theme="calm"))
            await owner.cancel(journal)
        return Tokens(wrong, str(journal))

    return asyncio.run(gather())


@pytest.fixture
async def stranger_asks(door: str, people: list[Person]) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {people[1].token}"}
    async with httpx.AsyncClient(base_url=door, headers=headers, trust_env=False) as client:
        yield client


async def asked(
    client: httpx.AsyncClient, route: str, journal: str, token: str | None = None
) -> httpx.Response:
    """A request that fits the path; its body is empty."""
    method, path = route.split(" ")
    values = {"journal_id": journal, "name": "notes.txt", "provider": "openai", "seq": "1"}
    while "{" in path:
        name = path.partition("{")[2].partition("}")[0]
        path = path.replace(f"{{{name}}}", values.get(name, str(new_id())))
    headers = {} if token is None else {"Authorization": f"Bearer {token}" if token else ""}
    body: dict[str, Any] | None = None if method in ("GET", "DELETE") else {}
    return await client.request(method, path, headers=headers, timeout=30, json=body)


def test_what_is_open_to_all_is_named() -> None:
    assert set(DESCRIBED) - set(CLOSED) <= OPEN
    assert len(CLOSED) > 40


@pytest.mark.parametrize("route", CLOSED)
async def test_a_route_is_closed_to_who_is_not_signed_in(
    stranger_asks: httpx.AsyncClient, tokens: Tokens, route: str
) -> None:
    """Without a token, with one of a service, and with one whose session has ended."""
    answers = {
        who: (await asked(stranger_asks, route, tokens.journal, token)).status_code
        for who, token in tokens.wrong.items()
    }

    assert answers == dict.fromkeys(tokens.wrong, 401)


@pytest.mark.parametrize("route", FOREIGN)
async def test_anothers_journal_is_not_there(
    stranger_asks: httpx.AsyncClient, tokens: Tokens, route: str
) -> None:
    answer = await asked(stranger_asks, route, tokens.journal)
    nowhere = await asked(stranger_asks, route, str(new_id()))

    assert answer.status_code == nowhere.status_code
    assert answer.status_code in ({404} if route.startswith(("GET", "DELETE")) else NOT_MADE_FOR)


@pytest.mark.parametrize("route", [r for r in CLOSED if r.split(" ")[1].startswith(OF_OPERATORS)])
async def test_what_is_for_operators_is_for_nobody_else(
    stranger_asks: httpx.AsyncClient, tokens: Tokens, route: str
) -> None:
    answer = await asked(stranger_asks, route, tokens.journal)

    assert answer.status_code in {403, 422}
    if route.startswith("GET"):
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
