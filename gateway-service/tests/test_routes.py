"""Routes: strict at the door, and the owner's word passed on as it is."""

import asyncio
import json
import threading
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from gateway_service.bodies import BODY_LIMIT
from journal_contracts.documents import LARGEST

JOURNAL = UUID("0199f0a2-6c1e-7d4b-9a53-5f0e7c2b8d11")
PROBLEM = "application/problem+json"


async def test_an_order_reaches_the_orchestrator_and_its_answer_the_client(client: Any) -> None:
    async def accept(request: Request) -> Response:
        return JSONResponse({"id": "x"}, 202, {"Location": "/v1/journals/x"})

    client.owners.answering = accept
    answer = await client.http.post(
        "/v1/journals", json={"theme": " calm "}, headers={"Idempotency-Key": "once"}
    )

    request, body = client.owners.asked[-1]
    assert (answer.status_code, answer.json()) == (202, {"id": "x"})
    assert answer.headers["location"] == "/v1/journals/x"
    assert json.loads(body) == {"theme": "calm"}
    assert request.headers["idempotency-key"] == "once"
    assert request.headers["authorization"] == f"Bearer {client.token}"
    assert request.headers["service-authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("method", "path", "owners_path"),
    [
        ("GET", "/v1/journals", "?limit=20&sort=newest"),
        (
            "GET",
            "/v1/journals?limit=5&cursor=abc&status=running&status=failed&q=a%25&sort=theme",
            None,
        ),
        ("GET", f"/v1/journals/{JOURNAL}", None),
        ("GET", f"/v1/journals/{JOURNAL}/history?cursor=7&limit=5", None),
        ("GET", f"/v1/journals/{JOURNAL}/history", "?cursor=0&limit=200"),
        ("GET", f"/v1/journals/{JOURNAL}/history/7", None),
        ("GET", f"/v1/journals/{JOURNAL}/picture", None),
        ("GET", "/v1/usage", "?by=day&days=30"),
        ("GET", "/v1/usage?by=agent&days=7", None),
        ("GET", "/v1/estimate", "?plan=standard"),
        ("GET", "/v1/quota", None),
        ("GET", "/v1/tags", None),
        ("GET", "/v1/themes", None),
        ("GET", f"/v1/journals/{JOURNAL}/tags", None),
        ("GET", "/v1/journals?limit=20&sort=newest&tag=gifts", None),
        ("GET", "/v1/dead-letters", "?limit=50"),
        ("GET", f"/v1/dead-letters?limit=5&service=x&reason=y&journal={JOURNAL}&cursor=c", None),
        ("GET", f"/v1/dead-letters/{JOURNAL}", None),
        ("POST", f"/v1/journals/{JOURNAL}/cancel", None),
        ("DELETE", f"/v1/journals/{JOURNAL}", None),
        ("GET", f"/v1/journals/{JOURNAL}/artifacts", None),
        ("GET", f"/v1/journals/{JOURNAL}/artifacts/journal.pdf", None),
        ("HEAD", f"/v1/journals/{JOURNAL}/artifacts/journal.pdf", None),
        ("GET", f"/v1/journals/{JOURNAL}/collaborators", None),
        ("DELETE", f"/v1/journals/{JOURNAL}/collaborators/{JOURNAL}", None),
        ("GET", "/v1/invitations", None),
        ("POST", f"/v1/invitations/{JOURNAL}/accept", None),
        ("DELETE", f"/v1/invitations/{JOURNAL}", None),
        ("GET", "/v1/webhooks", None),
        ("POST", f"/v1/webhooks/{JOURNAL}/enable", None),
        ("DELETE", f"/v1/webhooks/{JOURNAL}", None),
        ("GET", f"/v1/webhooks/{JOURNAL}/deliveries", None),
        ("POST", f"/v1/webhooks/{JOURNAL}/deliveries/{JOURNAL}/redeliver", None),
        ("GET", "/v1/auth/me", None),
    ],
)
async def test_each_route_asks_its_owner_the_same(
    client: Any, method: str, path: str, owners_path: str | None
) -> None:
    async def accept(request: Request) -> Response:
        return JSONResponse([], 200)

    client.owners.answering = accept
    answer = await client.http.request(method, path)

    request, _ = client.owners.asked[-1]
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    assert answer.status_code == 200
    wanted = path + owners_path if owners_path and owners_path[0] == "?" else owners_path or path
    assert (request.method, asked) == (method, wanted)


@pytest.mark.parametrize("what", ["redrive", "drop"])
async def test_an_operators_choice_reaches_the_orchestrator_and_its_refusal_the_client(
    client: Any, what: str
) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"code": "scope_missing"}, 403, media_type=PROBLEM)

    client.owners.answering = refuse
    answer = await client.http.post(f"/v1/dead-letters/{what}", json={"reason": "unreadable"})
    everything = await client.http.post(f"/v1/dead-letters/{what}", json={})

    ((request, body),) = client.owners.asked
    assert (request.method, request.url.path) == ("POST", f"/v1/dead-letters/{what}")
    assert json.loads(body) == {"reason": "unreadable"}
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (everything.status_code, everything.json()["code"]) == (422, "invalid_request")


async def test_a_picture_may_style_itself_and_nothing_more(client: Any) -> None:
    policy = "default-src 'none'; style-src 'unsafe-inline'"

    async def draw(request: Request) -> Response:
        headers = {"Content-Security-Policy": policy}
        return Response("<svg/>", headers=headers, media_type="image/svg+xml")

    client.owners.answering = draw
    answer = await client.http.get(f"/v1/journals/{JOURNAL}/picture")

    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"] == policy


async def test_a_draft_is_read_by_media_from_the_parts_the_orchestrator_names(client: Any) -> None:
    parts = {"proof": "users/u/proof.json", "edited": ["users/u/edit.json"]}

    async def answer(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(parts)
        return Response("<p>Draft</p>", headers={"Content-Security-Policy": "sandbox"})

    client.owners.answering = answer
    page = await client.http.get(f"/v1/journals/{JOURNAL}/draft?format=html")

    (known, _), (read, body) = client.owners.asked
    assert (known.method, read.method) == ("GET", "POST")
    assert {r.url.path for r in (known, read)} == {f"/v1/journals/{JOURNAL}/draft"}
    assert read.url.query == "form=html"
    assert json.loads(body) == parts
    assert (page.status_code, page.text) == (200, "<p>Draft</p>")
    assert page.headers["content-security-policy"] == "sandbox"


async def test_a_draft_that_is_not_there_yet_is_no_question_for_media(client: Any) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"code": "draft_not_ready"}, 404, media_type=PROBLEM)

    client.owners.answering = refuse
    answer = await client.http.get(f"/v1/journals/{JOURNAL}/draft")

    assert (answer.status_code, answer.json()["code"]) == (404, "draft_not_ready")
    assert len(client.owners.asked) == 1


async def test_a_document_goes_through_as_it_is(client: Any) -> None:
    async def keep(request: Request) -> Response:
        return JSONResponse({"name": "sleep.pdf"}, 201)

    client.owners.answering = keep
    answer = await client.http.put("/v1/documents/sleep.pdf", content=b"%PDF-1.7 \x00\xff")

    [(request, body)] = client.owners.asked
    assert (request.method, request.url.path) == ("PUT", "/v1/documents/sleep.pdf")
    assert body == b"%PDF-1.7 \x00\xff"
    assert request.headers["authorization"] == f"Bearer {client.token}"
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("sleep.pdf", b"x" * (LARGEST + 1), 413, "document_too_large"),
        ("%2e%2e", b"x", 422, "invalid_request"),
        ("..%2fkeys.txt", b"x", 404, "not_found"),
        (".hidden.txt", b"x", 422, "invalid_request"),
    ],
)
async def test_a_document_that_cannot_be_kept_asks_nobody(
    name: str, content: bytes, status: int, code: str, client: Any
) -> None:
    """R6.1a"""
    answer = await client.http.put(f"/v1/documents/{name}", content=content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.owners.asked == []


async def test_an_order_with_a_document_that_is_not_there_is_refused(client: Any) -> None:
    async def answer(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"items": [{"name": "a.md", "media_type": "", "bytes": 1}]})
        return JSONResponse({"id": "x"}, 202)

    client.owners.answering = answer
    good = await client.http.post("/v1/journals", json={"theme": "calm", "documents": ["a.md"]})
    bad = await client.http.post(
        "/v1/journals", json={"theme": "calm", "documents": ["a.md", "b.md"]}
    )

    assert good.status_code == 202
    assert (bad.status_code, bad.json()["code"]) == (422, "document_unknown")
    assert bad.json()["detail"] == "These are not among your documents: b.md."
    assert [request.method for request, _ in client.owners.asked] == ["GET", "POST", "GET"]


async def test_tags_are_put_as_they_are_to_be(client: Any) -> None:
    async def tag(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    client.owners.answering = tag
    path = f"/v1/journals/{JOURNAL}/tags"
    put = await client.http.put(path, json={"tags": [" gifts ", "spring"]})
    many = await client.http.put(path, json={"tags": [str(n) for n in range(21)]})
    odd = await client.http.put(path, json={"tags": ["a\u202eb"]})

    assert put.json() == {"tags": ["gifts", "spring"]}
    assert (many.status_code, odd.status_code) == (422, 422)


async def test_a_wish_rests_on_the_state_its_user_saw(client: Any) -> None:
    async def changed(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({}, headers={"ETag": '"7"'})
        return JSONResponse({"code": "journal_has_changed"}, 412, media_type=PROBLEM)

    client.owners.answering = changed
    seen = (await client.http.get(f"/v1/journals/{JOURNAL}")).headers["etag"]
    path = f"/v1/journals/{JOURNAL}/cancel"
    answer = await client.http.post(path, headers={"If-Match": seen})
    nonsense = await client.http.post(path, headers={"If-Match": "*"})

    request, _ = client.owners.asked[-1]
    assert request.headers["if-match"] == seen == '"7"'
    assert (answer.status_code, answer.json()["code"]) == (412, "journal_has_changed")
    assert nonsense.status_code == 422


async def test_an_owners_problem_is_passed_on_unchanged(client: Any) -> None:
    told = {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "decision_conflict",
        "choice": {"option": "a"},
        "chosen_by": "user",
    }

    async def refuse(request: Request) -> Response:
        return JSONResponse(told, 409, media_type=PROBLEM)

    client.owners.answering = refuse
    answer = await client.http.post(
        f"/v1/journals/{JOURNAL}/decisions/title", json={"choice": {"option": "b"}}
    )

    assert (answer.status_code, answer.headers["content-type"]) == (409, PROBLEM)
    assert answer.json() == told


async def test_an_owner_that_is_away_is_told_as_such(client: Any, unused_tcp_port: int) -> None:
    client.lose_owners(httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}"))

    told = {
        (await client.http.request(method, path)).json()["code"]
        for method, path in [
            ("GET", "/v1/journals"),
            ("GET", f"/v1/journals/{JOURNAL}/artifacts/journal.pdf"),
            ("GET", "/v1/auth/me"),
        ]
    }
    answer = await client.http.get("/v1/journals")

    assert told == {"orchestrator_unavailable", "media_unavailable", "auth_unavailable"}
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert answer.headers["retry-after"]


async def test_an_owner_that_talks_nonsense_is_taken_to_be_away(client: Any) -> None:
    async def stumble(request: Request) -> Response:
        return Response("<h1>oops</h1>", 500)

    client.owners.answering = stumble
    answer = await client.http.get("/v1/journals")

    assert (answer.status_code, answer.json()["code"]) == (503, "orchestrator_unavailable")


@pytest.mark.parametrize(
    "body",
    [
        b'{"theme": NaN}',
        b'{"theme": "calm", "depth": Infinity}',
        b'{"theme": "calm", "theme": "secret-value"}',
        b'{"theme": "calm", "colour": "secret-value"}',
        b'{"theme": "secret-value\\u0000"}',
        b'{"theme": "\\ud800 secret-value"}',
        b'{"theme": "secret-value\\u0007"}',
        b'{"theme": 1e999}',
        b'{"theme": "calm", "decisions": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b'{"theme": "secret-value\xff"}',
        b'{"theme": "calm", "plan": "secret-value"}',
        b'{"theme": {"secret-value": 1}}',
        b'{"theme": ' + b"[" * 20_000,
        b'\xef\xbb\xbf{"theme": "calm"}',
        '{"theme": "calm"}'.encode("utf-16"),
        b"secret-value",
        b"[]",
        b"null",
        b"",
    ],
)
async def test_a_body_that_is_not_strict_is_refused_and_never_repeated(
    client: Any, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.http.post("/v1/journals", content=body, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["code"] == "invalid_request"
    assert "secret-value" not in answer.text
    assert client.owners.asked == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (
            b'{"theme": "calm", "decisions": {"title": {"text": "a\\u0007"}}}',
            "/decisions/title/text",
        ),
        (b'{"theme": "calm", "documents": ["a.md", "\\udc00"]}', "/documents/1"),
        (b'{"theme": "calm", "budget": 1e999}', "/budget"),
        (b'{"theme": "calm", "documents": [3]}', "/documents/0"),
    ],
)
async def test_a_refusal_points_at_what_is_wrong(client: Any, body: bytes, pointer: str) -> None:
    """R7.2c"""
    headers = {"Content-Type": "application/json"}
    answer = await client.http.post("/v1/journals", content=body, headers=headers)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/body{pointer}"]


async def test_a_body_has_a_limit_however_it_is_sent(client: Any) -> None:
    async def in_pieces() -> Any:
        for _ in range(20):
            yield b" " * (BODY_LIMIT // 10)

    headers = {"Content-Type": "application/json"}
    whole = await client.http.post("/v1/journals", content=b" " * (BODY_LIMIT + 1), headers=headers)
    pieces = await client.http.post("/v1/journals", content=in_pieces(), headers=headers)

    for answer in (whole, pieces):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_nobody_is_sent_to_where_their_host_header_says(client: Any) -> None:
    answer = await client.http.get("/v1/journals/", headers={"Host": "evil.example"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/journals/not-an-id",
        f"/v1/journals/{JOURNAL}/artifacts/..%2fsecret",
        f"/v1/journals/{JOURNAL}/artifacts/.hidden",
        f"/v1/journals/{JOURNAL}/artifacts/UPPER.pdf",
        f"/v1/journals/{JOURNAL}/artifacts/a%0a",
        "/v1/journals?limit=0",
        "/v1/journals?status=lost",
        "/v1/journals?sort=password",
        "/v1/journals?q=%00",
        f"/v1/journals/{JOURNAL}/history?cursor=-1",
        f"/v1/journals/{JOURNAL}/history?limit=501",
        f"/v1/journals/{JOURNAL}/history/0",
        f"/v1/journals/{JOURNAL}/history/99999999999",
        "/v1/dead-letters/all",
        "/v1/dead-letters?limit=101",
    ],
)
async def test_names_that_are_none_never_reach_an_owner(client: Any, path: str) -> None:
    answer = await client.http.get(path)

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == PROBLEM
    assert client.owners.asked == []


@pytest.mark.parametrize(
    "path", ["/v1/journals", f"/v1/journals/{JOURNAL}/artifacts/a.pdf", "/v1/dead-letters"]
)
async def test_nobody_gets_past_the_door_without_a_token(client: Any, path: str) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer nonsense"}):
        answer = await client.http.get(path, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert client.owners.asked == []


async def test_signing_up_and_in_needs_no_token(client: Any) -> None:
    async def welcome(request: Request) -> Response:
        return JSONResponse({}, 201)

    client.owners.answering = welcome
    mine = {"email": "ada@example.com", "password": " with spaces at the ends "}
    answer = await client.http.post("/v1/auth/register", json=mine, headers={"Authorization": ""})

    assert answer.status_code == 201
    assert json.loads(client.owners.asked[-1][1]) == mine


async def test_a_file_passes_through_in_the_range_that_was_asked_for(client: Any) -> None:
    told = {
        "Content-Range": "bytes 0-3/10",
        "Content-Disposition": 'attachment; filename="journal.pdf"',
        "ETag": '"abc"',
        "Accept-Ranges": "bytes",
        "X-Internal": "ours",
    }

    async def hand_out(request: Request) -> Response:
        return Response(b"%PDF", 206, told, media_type="application/pdf")

    client.owners.answering = hand_out
    conditions = {"Range": "bytes=0-3", "If-Range": '"abc"', "If-None-Match": '"old"'}
    answer = await client.http.get(
        f"/v1/journals/{JOURNAL}/artifacts/journal.pdf", headers=conditions
    )

    request, _ = client.owners.asked[-1]
    assert (answer.status_code, answer.content) == (206, b"%PDF")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == "4"
    assert "x-internal" not in answer.headers
    for name in ("Content-Range", "Content-Disposition", "ETag", "Accept-Ranges"):
        assert answer.headers[name] == told[name]
    for name, value in conditions.items():
        assert request.headers[name] == value


async def test_a_large_file_is_never_held_whole(client: Any) -> None:
    let_go = threading.Event()

    async def hand_out(request: Request) -> Response:
        async def pieces() -> Any:
            yield b"first"
            await asyncio.to_thread(let_go.wait, 5)
            yield b"second"

        return StreamingResponse(pieces(), headers={"Content-Length": "11"})

    client.owners.answering = hand_out
    path = f"/v1/journals/{JOURNAL}/artifacts/journal.pdf"
    async with client.http.stream("GET", path) as answer:
        pieces = answer.aiter_raw()
        first = await anext(pieces)
        let_go.set()
        second = await anext(pieces)

    assert (first, second) == (b"first", b"second")


async def test_only_listed_pages_may_read_the_answers(client: Any) -> None:
    ours = await client.http.get("/livez", headers={"Origin": "https://studio.example"})
    twin = await client.http.get("/livez", headers={"Origin": "https://studio.example.evil.test"})

    assert ours.headers["access-control-allow-origin"] == "https://studio.example"
    assert "access-control-allow-origin" not in twin.headers
    assert ours.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in ours.headers["content-security-policy"]


async def test_the_whole_interface_is_described(client: Any) -> None:
    described = (await client.http.get("/openapi.json")).json()

    order = described["paths"]["/v1/journals"]["post"]
    schema = order["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/JournalOrder"}
    assert PROBLEM in order["responses"]["503"]["content"]
    assert set(described["paths"]["/v1/journals/{journal_id}/artifacts/{name}"]) == {
        "get",
        "head",
    }
    assert (await client.http.get("/readyz")).json() == {"redis": "ready", "broker": "ready"}
