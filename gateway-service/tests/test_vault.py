"""Own keys pass through the door on their way to the vault, and are not repeated (R4.2a)."""

import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

CANARY = "sk-canary-0123456789"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/keys", None),
        ("PUT", "/v1/keys/openai", {"key": CANARY}),
        ("DELETE", "/v1/keys/openai", None),
    ],
)
async def test_the_vault_is_asked_in_the_users_name(
    client: Any, method: str, path: str, body: dict[str, str] | None
) -> None:
    async def accept(request: Request) -> Response:
        return JSONResponse({})

    client.owners.answering = accept
    answer = await client.http.request(method, path, json=body)

    request, told = client.owners.asked[-1]
    assert answer.status_code == 200
    assert (request.method, request.url.path) == (method, path)
    assert request.headers["authorization"] == f"Bearer {client.token}"
    assert (json.loads(told) if told else None) == body


@pytest.mark.parametrize("path", ["/v1/keys/../auth/me", "/v1/keys/Open%2FAI", "/v1/keys/a b"])
async def test_a_provider_has_a_plain_name(client: Any, path: str) -> None:
    answer = await client.http.put(path, json={"key": CANARY})

    assert answer.status_code in {404, 405, 422}
    assert CANARY not in answer.text
    assert client.owners.asked == []


async def test_a_key_that_is_none_is_refused_here_and_not_repeated(client: Any) -> None:
    answer = await client.http.put("/v1/keys/openai", json={"key": "sk with spaces in it"})

    assert answer.status_code == 422
    assert "spaces" not in answer.text
    assert client.owners.asked == []
