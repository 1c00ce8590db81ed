"""Every error is a problem document that helps its reader and tells no secret (R9.1a)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import REGISTRY
from pydantic import BaseModel, Field
from structlog.typing import EventDict

from chassis import errors
from chassis.errors import Conflict, NotFound, ServiceError, Unauthorized, Unavailable


class DoorAlreadyOpen(Conflict):
    """An error as a service writes it."""


class Line(BaseModel):
    amount: int


class Order(BaseModel):
    secret: str = Field(max_length=4)
    lines: list[Line] = []


def asked(order: Order) -> None:
    """A route with a body."""


async def opened() -> None:
    raise DoorAlreadyOpen("Somebody was here.", version=7)


async def unknown() -> None:
    raise RuntimeError("postgresql://user:canary-secret@host")


async def teapot() -> None:
    raise HTTPException(418, "short and stout", {"X-Tea": "yes"})


async def closed() -> None:
    raise Unauthorized("No token.")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    errors.install(app)
    app.post("/orders")(asked)
    for route in (opened, unknown, teapot, closed):
        app.get(f"/{route.__name__}")(route)
    # Starlette answers an unknown exception and raises it again, for the server's own log.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


async def test_a_bad_body_is_pointed_at_and_never_repeated(client: httpx.AsyncClient) -> None:
    body = {"secret": "canary-secret", "lines": [{"amount": 1}, {"amount": "canary-too"}]}

    answer = await client.post("/orders", json=body)

    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"]) == (422, "invalid_request")
    assert [e["pointer"] for e in problem["errors"]] == ["/body/secret", "/body/lines/1/amount"]
    assert "canary" not in answer.text


async def test_a_pointer_escapes_what_would_mislead_it() -> None:
    assert errors._pointer(("body", "a/b", "c~d", 0)) == "/body/a~1b/c~0d/0"


async def test_an_unknown_error_is_a_500_without_details(
    client: httpx.AsyncClient, logs: list[EventDict]
) -> None:
    answer = await client.get("/unknown")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal_error"
    assert "canary" not in answer.text
    assert "RuntimeError" not in answer.text
    assert [(e["event"], e["path"]) for e in logs] == [("request_failed", "/unknown")]


async def test_a_services_error_has_its_name_as_its_code(client: httpx.AsyncClient) -> None:
    answer = await client.get("/opened")

    assert answer.status_code == 409
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "door_already_open",
        "detail": "Somebody was here.",
        "trace_id": "",
        "errors": [],
        "version": 7,
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ServiceError, 500, "service_error"),
        (NotFound, 404, "not_found"),
        (Conflict, 409, "conflict"),
        (Unavailable, 503, "unavailable"),
        (DoorAlreadyOpen, 409, "door_already_open"),
    ],
)
def test_codes_are_snake_case(error: type[ServiceError], status: int, code: str) -> None:
    assert (error().status, error().code) == (status, code)


@pytest.mark.parametrize(
    ("path", "status", "code", "header"),
    [
        ("/closed", 401, "unauthorized", ("www-authenticate", "Bearer")),
        ("/teapot", 418, "im_a_teapot", ("x-tea", "yes")),
        ("/nowhere", 404, "not_found", None),
        ("/orders", 405, "method_not_allowed", ("allow", "POST")),
    ],
)
async def test_the_frameworks_errors_look_the_same_and_keep_their_headers(
    client: httpx.AsyncClient, path: str, status: int, code: str, header: Any
) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert header is None or answer.headers[header[0]] == header[1]


async def test_a_problem_names_its_trace(client: httpx.AsyncClient) -> None:
    with TracerProvider().get_tracer("tests").start_as_current_span("request") as span:
        answer = await client.get("/opened")

    assert answer.json()["trace_id"] == f"{span.get_span_context().trace_id:032x}"


async def test_every_refusal_is_counted_by_what_it_was(client: httpx.AsyncClient) -> None:
    """R7.2d."""
    told = {"status": "409", "code": "door_already_open"}
    before = REGISTRY.get_sample_value("refusals_total", told) or 0.0

    await client.get("/opened")

    assert REGISTRY.get_sample_value("refusals_total", told) == before + 1
