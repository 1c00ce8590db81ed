"""The interface for people and programs, from this gateway alone (R4.1d, R7.2a)."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from journal_contracts.schemas import CLIENT_FRAMES, GATEWAY_FRAMES

ELSEWHERE = re.compile(r'(?:src|href|url)\s*[=:]\s*"?(?:https?:)?//', re.IGNORECASE)
RESULTS = ("200", "201", "202", "204", "303")


@pytest.mark.parametrize(
    "path", ["/docs", "/docs/realtime", "/letter", "/journal", "/v1/auth/notices/stop?token=x"]
)
async def test_a_page_fetches_nothing_from_elsewhere(client: Any, path: str) -> None:
    page = await client.http.get(path, headers={"Authorization": ""})

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not ELSEWHERE.search(page.text)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    for place in re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text):
        assert (await client.http.get(place)).status_code == 200, place


async def test_the_page_of_routes_begins_with_our_own_document(client: Any) -> None:
    begin = (await client.http.get("/docs/begin.js")).text
    bundle = await client.http.get("/docs/swagger-ui-bundle.js")

    assert '"/openapi.json"' in begin
    assert bundle.headers["content-type"].startswith("text/javascript")
    assert "max-age" in bundle.headers["cache-control"]
    assert (await client.http.get("/docs/keys.json")).status_code == 422


async def test_the_page_of_the_socket_shows_every_frame(client: Any) -> None:
    page = (await client.http.get("/docs/realtime")).text
    document = (await client.http.get("/asyncapi.json")).json()

    for frame in (*CLIENT_FRAMES, *GATEWAY_FRAMES):
        assert f'<section id="{frame.__name__}">' in page
        payload = document["components"]["messages"][frame.__name__]["payload"]
        Draft202012Validator.check_schema(payload)
        assert payload["properties"]["t"]["const"] in page


async def test_every_route_says_what_it_answers_and_every_body_has_an_example(client: Any) -> None:
    described = (await client.http.get("/openapi.json")).json()

    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            told = operation["responses"]
            assert operation.get("description"), (method, path)
            assert any(status in told for status in RESULTS), (method, path)
            assert {"400", "422", "503"} <= told.keys(), (method, path)
    for name in ("JournalOrder", "Answer", "Extension", "PauseOrder", "RetryOrder"):
        schema = described["components"]["schemas"][name]
        whole = {**schema, "components": described["components"]}
        for example in schema["examples"]:
            Draft202012Validator(whole).validate(example)
