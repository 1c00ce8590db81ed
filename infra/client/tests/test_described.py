"""The client asks every route that the gateway describes, with all it may say (R4.1d).

Each method is called with a value for everything it takes; what it asks first is written down.
"""

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel
from tests.door import operations

from journal_client.client import Client
from journal_contracts.api import AssetView, Credentials, TokenView

ID: Final = UUID("018f0000-0000-7000-8000-000000000001")
WHO: Final = Credentials(email="ada@example.com", password="a long pass phrase")
TOKEN: Final = TokenView(access_token="t", expires_in=600, refresh_token="r" * 43)
BY_BROWSER: Final = "people show a provider who they are in a browser, which keeps the cookie"
ANOTHER_WAY: Final = {
    "GET /v1/events": "the feed comes by the socket",
    "HEAD /v1/journals/{journal_id}/artifacts/{name}": "a GET without its bytes",
    "POST /v1/auth/oidc/{provider}/start": BY_BROWSER,
    "POST /v1/auth/oidc/{provider}/link": BY_BROWSER,
    "POST /v1/auth/oidc/{provider}/prove": BY_BROWSER,
    "GET /v1/auth/oidc/{provider}/callback": BY_BROWSER,
    "POST /v1/auth/oidc/login": BY_BROWSER,
    "POST /v1/auth/oidc/step-up": BY_BROWSER,
    "POST /v1/auth/oidc/identities": BY_BROWSER,
}
NOT_SAID: Final = {"__Secure-jcc-refresh"}
"""For browsers: a program has its refresh token in the body."""
FROM_THE_SECOND_PAGE_ON: Final = {("dead_letters", "cursor")}
ASKS_NO_ROUTE: Final = {"open", "events", "finished"}
ASSET: Final = AssetView(
    name="journal.pdf",
    media_type="application/pdf",
    bytes=1,
    sha256="0",
    href=f"/v1/journals/{ID}/artifacts/journal.pdf",
)


class Asked(Exception):
    """Instead of an answer."""


@dataclass
class Notes:
    """What was asked, by which method."""

    asked: dict[str, tuple[httpx.Request, str, set[str]]] = field(default_factory=dict)
    method: str = ""
    bodies: set[str] = field(default_factory=set)

    def note(self, request: httpx.Request) -> httpx.Response:
        route = route_of(request)
        self.asked.setdefault(route, (request, self.method, self.bodies))
        if self.method == "login":
            return httpx.Response(200, content=TOKEN.model_dump_json())
        raise Asked


DESCRIBED: Final = operations()
PATTERNS: Final = {
    route: re.compile(re.sub(r"\{\w+\}", "[^/]+", route)) for route in sorted(DESCRIBED)
}


def route_of(request: httpx.Request) -> str:
    """The route as it is described; one without parameters before one with."""
    asked = f"{request.method} {request.url.path}"
    found = [route for route, pattern in PATTERNS.items() if pattern.fullmatch(asked)]
    return asked if asked in found else next(iter(found), asked)


def value_of(kind: Any) -> Any:
    """Some value of a type."""
    if get_origin(kind) in (Union, UnionType):
        return value_of(next(each for each in get_args(kind) if each is not NoneType))
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_origin(kind) is not None:
        return [value_of(get_args(kind)[0])]
    if kind is AssetView:
        return ASSET
    if issubclass(kind, BaseModel):
        return kind.model_construct()
    simple: dict[Any, Any] = {UUID: ID, str: "word", int: 7, bytes: b"%", bool: True}
    if kind in simple:
        return simple[kind]
    return datetime(2026, 1, 1, tzinfo=UTC) if kind is datetime else next(iter(kind))


def methods() -> dict[str, Callable[..., Any]]:
    return {
        name: method
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_") and name not in {*ASKS_NO_ROUTE, "token", "login"}
    }


@pytest.fixture
async def asked() -> dict[str, tuple[httpx.Request, str, set[str]]]:
    """Every route that some method asks: its request, the method, the kinds of bodies it takes."""
    notes = Notes()
    transport = httpx.MockTransport(notes.note)
    async with httpx.AsyncClient(transport=transport, base_url="http://door.test") as http:
        client = Client("http://door.test", http, WHO)
        notes.method = "login"
        await client.login()
        await client.login()
        for name in methods():
            hints = get_type_hints(getattr(Client, name))
            hints.pop("return")
            values = {each: value_of(kind) for each, kind in hints.items()}
            notes.method = name
            notes.bodies = {type(v).__name__ for v in values.values() if isinstance(v, BaseModel)}
            called = getattr(client, name)(**values)
            with pytest.raises(Asked):
                await (anext(called) if inspect.isasyncgen(called) else called)
    return notes.asked


async def test_every_route_has_a_method_and_every_method_a_route(asked: Any) -> None:
    assert set(asked) == set(DESCRIBED) - set(ANOTHER_WAY)


async def test_a_method_says_all_that_its_route_hears(asked: Any) -> None:
    for route, (request, method, _) in asked.items():
        told = {("query", name) for name in request.url.params}
        told |= {("header", name.lower()) for name in request.headers}
        for each in DESCRIBED[route].get("parameters", ()):
            place, name = each["in"], each["name"]
            later = (method, name) in FROM_THE_SECOND_PAGE_ON
            if place != "path" and name not in NOT_SAID and not later:
                assert (place, name) in told, (method, name)
        queries = {e["name"] for e in DESCRIBED[route].get("parameters", ()) if e["in"] == "query"}
        assert set(request.url.params) <= queries, method


async def test_a_method_sends_the_body_that_its_route_takes(asked: Any) -> None:
    for route, (request, method, bodies) in asked.items():
        content = DESCRIBED[route].get("requestBody", {}).get("content", {})
        wanted = names_in(content.get("application/json", {}))
        assert bool(content) == bool(request.content), method
        assert wanted <= bodies or method in {"login", "register"}, (method, wanted)


async def test_a_method_answers_with_what_its_route_answers(asked: Any) -> None:
    for route, (_, method, _) in asked.items():
        told = get_type_hints(getattr(Client, method))["return"]
        answers = [a for s, a in DESCRIBED[route]["responses"].items() if s.startswith("2")]
        views = names_in([a.get("content", {}).get("application/json", {}) for a in answers])
        if inspect.isclass(told) and issubclass(told, BaseModel):
            assert told.__name__ in views, method
        elif not views:
            assert told is NoneType or not inspect.isclass(told) or told is str, method


def names_in(schema: Any) -> set[str]:
    """The names of the shapes that a schema speaks of."""
    return {
        each.rpartition("/")[2] for each in re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema))
    }
