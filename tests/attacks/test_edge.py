"""Edge: what is no request, what is too much of one, and what means something else than it says."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
import redis

from journal_client.client import Client
from journal_client.problems import Unreachable
from journal_contracts.api import JournalOrder
from journal_contracts.product import PlanName
from journalcraft.platform import Platform

from . import raw

JOURNAL = UUID("0199f0a2-6c1e-7d4b-9a53-5f0e7c2b8d11")
PROBLEM = "application/problem+json"
LIMIT = 64 * 1024
SECRET = "canary-4711"
ACCOUNT_HOLDS = 30
JSON = {"Content-Type": "application/json"}


async def ordered(http: httpx.AsyncClient, theme: str) -> list[Any]:
    """The user's journals of this theme."""
    answer = await http.get("/v1/journals", params={"q": theme})
    items: list[Any] = answer.json()["items"]
    return items


# --- lengths that contradict each other ---------------------------------------------------------

SMUGGLED = b"GET /livez?smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
SIZE = str(len(SMUGGLED)).encode()
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: " + SIZE + b"\r\n" + CHUNKED,
        CHUNKED + b"\r\nContent-Length: " + SIZE,
        b"Content-Length: 0\r\nContent-Length: " + SIZE,
        b"Content-Length: 0, " + SIZE,
        b"Content-Length: -1",
        b"Content-Length: +" + SIZE,
        b"Content-Length: 0x10",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 1 0",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 0",
        b"Transfer-Encoding: chunked, identity\r\nContent-Length: 0",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"X: y\r\n Transfer-Encoding: chunked",
        b"X: y\rTransfer-Encoding: chunked",
        b"Content-Length: 0\n\nGET /livez?smuggled HTTP/1.1",
    ],
    ids=[
        "length then chunked", "chunked then length", "two lengths", "a list of lengths",
        "less than nothing", "signed", "in hexadecimal", "beyond 64 bits", "with a space",
        "nearly chunked", "chunked but not last", "space before the colon", "a vertical tab",
        "a folded line", "a bare CR", "bare LFs",
    ],
)  # fmt: skip
async def test_lengths_that_contradict_smuggle_nothing(lines: bytes, door: str) -> None:
    head = b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    heard, _ = await raw.said(door, head + lines + b"\r\n\r\n" + b"0\r\n\r\n" + SMUGGLED)

    assert raw.statuses(heard) in ([], [400])


@pytest.mark.parametrize(
    "chunks",
    [
        b"ffffffffffffffffff\r\nx",
        b"-1\r\nx\r\n0\r\n\r\n",
        b"5;" + b"x" * 70_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n" + SMUGGLED,
        b"0\r\nX-Trailer: " + b"x" * 70_000 + b"\r\n\r\n",
        b"g\r\nx\r\n0\r\n\r\n",
    ],
    ids=["an overflow", "negative", "a long extension", "no end", "a long trailer", "no number"],
)
async def test_chunks_that_are_none_are_refused(chunks: bytes, door: str) -> None:
    head = b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    heard, _ = await raw.said(door, head + CHUNKED + b"\r\n\r\n" + chunks)

    assert all(400 <= status < 500 for status in raw.statuses(heard))
    assert len(raw.statuses(heard)) <= 1


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /livez\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"\x00" * 1_000,
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHo\x00st: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n: nameless\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=[
        "HTTP 0.9", "HTTP 2", "TLS", "HTTP 9.9", "zeros", "no UTF-8", "NUL in a name",
        "a nameless header", "a long path", "a long header", "many headers", "CONNECT",
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_hung_up(sent: bytes, door: str) -> None:
    heard, _ = await raw.said(door, sent)

    assert all(400 <= status < 500 for status in raw.statuses(heard)), heard[:200]
    assert len(raw.statuses(heard)) <= 1


# --- slow ---------------------------------------------------------------------------------------

SLOW = {
    "nothing at all": ([], 0.0),
    "half a head": ([b"GET /livez HTTP/1.1\r\nX: "], 0.0),
    "a header a second": ([b"GET /livez HTTP/1.1\r\n", *[b"X: a\r\n"] * 20], 1.0),
    "half a body": (
        [b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"],
        0.0,
    ),
    "a byte a second": (
        [b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n", *[b" "] * 20],
        1.0,
    ),
    "a chunk a second": (
        [
            b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            *[b"1\r\n \r\n"] * 20,
        ],
        1.0,
    ),
    "idle after an answer": ([b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"], 0.0),
}


async def test_all_who_are_slow_are_let_go_of_while_others_are_served(
    door: str, full: bool
) -> None:
    """All at once, as they would come; `make attacks` brings 40 of each kind."""

    async def one(name: str) -> tuple[str, list[int], bool]:
        pieces, pause = SLOW[name]
        heard, hung_up = await raw.said(door, *pieces, pause=pause, silence=16)
        return name, raw.statuses(heard), hung_up

    slow = [asyncio.create_task(one(name)) for name in SLOW for _ in range(40 if full else 1)]
    async with httpx.AsyncClient(base_url=door, trust_env=False) as quick:
        for _ in range(20):
            assert (await quick.get("/livez", timeout=2)).status_code == 200

    for name, told, hung_up in await asyncio.gather(*slow):
        assert hung_up, name
        assert all(status in (200, 408) for status in told), (name, told)


# --- too much -----------------------------------------------------------------------------------


async def _pieces(size: int) -> Any:
    for _ in range(0, size, 8_192):
        yield b" " * 8_192


@pytest.mark.parametrize("way", ["length", "chunks"])
@pytest.mark.parametrize(
    "path", ["/v1/journals", "/v1/auth/login", f"/v1/journals/{JOURNAL}/retry"]
)
async def test_a_body_that_is_too_large_is_never_taken_in(
    path: str, way: str, http: httpx.AsyncClient, full: bool
) -> None:
    size = 50 * 1024 * 1024 if full else 4 * LIMIT
    content = b" " * (LIMIT + 1) if way == "length" else _pieces(size)
    try:
        answer = await http.post(path, content=content, headers=JSON)
    except httpx.TransportError:  # it hung up while we were still talking
        return

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"theme":' * 7_000,
        b'{"theme": "calm", "decisions": ' + b'{"a":' * 1_000 + b"1" + b"}" * 1_001,
        b'{"theme": NaN}',
        b'{"theme": "calm", "budget": Infinity}',
        b'{"theme": "calm", "budget": -Infinity}',
        b'{"theme": "calm", "budget": 1e999}',
        b'{"theme": "calm", "budget": ' + b"9" * 5_000 + b"}",
        b'{"theme": "calm", "theme": "canary-4711"}',
        b'{"theme": "calm", "decisions": {"title": {"option": "t1", "option": "t2"}}}',
        b'{"theme": "canary-4711\xff"}',
        b'{"theme": "\xed\xa0\x80canary-4711"}',
        b'{"theme": "\xc0\xaf"}',
        b'{"theme": "\\ud800canary-4711"}',
        b'{"theme": "canary-4711\\u0000"}',
        b'{"theme": "canary-4711\\u001b[31m"}',
        b'{"theme": "canary-4711\\u202e"}',
        b'{"theme": "' + b"canary-4711" * 100 + b'"}',
        b'\xef\xbb\xbf{"theme": "calm"}',
        '{"theme": "calm"}'.encode("utf-16"),
        b'{"theme": "calm"} {"theme": "rage"}',
        b'{"theme": "calm",}',
        b"{'theme': 'calm'}",
        b'{"theme": "calm"} // canary-4711',
        b'{"theme": "calm", "__proto__": {"admin": true}}',
        b'{"theme": "calm", "user_id": "0199f0a2-6c1e-7d4b-9a53-5f0e7c2b8d11"}',
        b'{"theme": ["canary-4711"]}',
        b'{"theme": {"$ne": null}}',
        b"theme=canary-4711",
        b"",
    ],
    ids=[
        "deep lists", "deep objects", "deep decisions", "NaN", "infinity", "minus infinity",
        "too large a number", "a long number", "a key twice", "a key twice inside", "bad UTF-8",
        "a surrogate in UTF-8", "overlong UTF-8", "half a surrogate", "NUL", "an escape",
        "a turned direction", "a long text", "a byte order mark", "UTF-16", "two documents",
        "a trailing comma", "single quotes", "a comment", "a prototype", "somebody else's",
        "a list", "an operator", "a form", "nothing",
    ],
)  # fmt: skip
async def test_a_body_that_is_not_strict_is_refused_and_not_repeated(
    body: bytes, http: httpx.AsyncClient
) -> None:
    answer = await http.post("/v1/journals", content=body, headers=JSON)

    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["code"] == "invalid_request"
    assert len(answer.json()["trace_id"]) == 32
    assert answer.json()["errors"][0]["pointer"].startswith("/body")
    assert SECRET not in answer.text
    assert await ordered(http, SECRET) == []


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "*/*"]
)
async def test_a_page_elsewhere_cannot_post_without_asking_first(
    kind: str, http: httpx.AsyncClient
) -> None:
    """These are the types that browsers send without a preflight."""
    content = b'{"theme": "canary-4711"}'
    headers = {"Content-Type": kind} if kind else {}
    answer = await http.post("/v1/journals", content=content, headers=headers)

    assert answer.status_code == 422
    assert await ordered(http, SECRET) == []


@pytest.mark.parametrize(
    "query",
    ["limit=1e9", "limit=-1", "limit=99999999999999999999", "cursor=%00", "cursor=" + "x" * 9_000,
     "cursor=%ff%fe", "limit=10&limit=20&" + "&".join(["x=1"] * 2_000), "limit[]=1", "%00=1"],
    ids=["float", "negative", "huge", "NUL", "long", "no UTF-8", "many", "brackets", "NUL name"],
)  # fmt: skip
async def test_a_query_is_taken_or_refused_and_breaks_nothing(
    query: str, http: httpx.AsyncClient
) -> None:
    answer = await http.get(f"/v1/journals?{query}")

    assert answer.status_code in {200, 422}


# --- who it is for, and from --------------------------------------------------------------------

EVIL = "evil.example"


@pytest.mark.parametrize(
    "name",
    ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Host",
     "X-HTTP-Method-Override", "X-Forwarded-Proto", "X-Forwarded-Prefix"],
)  # fmt: skip
async def test_a_header_about_the_request_changes_nothing(
    name: str, http: httpx.AsyncClient
) -> None:
    lie = {"X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics", "Forwarded": f"host={EVIL}",
           "X-HTTP-Method-Override": "DELETE"}.get(name, EVIL)  # fmt: skip
    answer = await http.post("/v1/journals", json={"theme": "calm"}, headers={name: lie})

    assert answer.status_code in {202, 400}
    if answer.status_code == 202:
        assert answer.headers["location"] == f"/v1/journals/{answer.json()['id']}"
    assert EVIL not in answer.text + str(answer.headers)
    assert (await http.get("/no-such", headers={name: lie})).status_code in {400, 404}


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"]
)
async def test_no_header_gives_an_attacker_another_address(name: str, platform: Platform) -> None:
    """One bucket counts them all, whatever they say of themselves."""
    who = {"email": f"{uuid4()}@example.org", "password": "a wrong pass phrase"}
    async with httpx.AsyncClient(base_url=platform.url, trust_env=False) as attacker:
        lie = "for=203.0.113.7" if name == "Forwarded" else "203.0.113.7"
        await attacker.post("/v1/auth/login", json=who, headers={name: lie})

    with redis.Redis.from_url(platform.addresses.redis) as kept:
        assert kept.keys("limit:sign-in:*") == [b"limit:sign-in:127.0.0.1"]


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
     "http://127.0.0.1", "https://127.0.0.1:{port}", "http://evil@127.0.0.1:{port}",
     "http://127.0.0.1:{port}.evil.example", "http://127.0.0.1:{port}/", "HTTP://127.0.0.1:{port}",
     "file://", "http://[::1]"],
)  # fmt: skip
async def test_a_page_from_elsewhere_may_not_read(origin: str, door: str) -> None:
    headers = {"Origin": origin.format(port=urlsplit(door).port)}
    ask = {**headers, "Access-Control-Request-Method": "POST",
           "Access-Control-Request-Headers": "authorization"}  # fmt: skip
    async with httpx.AsyncClient(base_url=door, trust_env=False) as page:
        told = [
            await page.get("/livez", headers=headers),
            await page.options("/v1/journals", headers=ask),
        ]

    for answer in told:
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/v1/journals/%2e%2e/%2e%2e/metrics", "/v1/journals/..%2f..%2fmetrics",
     "/v1/journals/../../etc",
     "/v1//journals", "//v1/journals", "/v1/journals%2f", "/v1/journals/..;/metrics",
     "/v1%5cjournals", "/v1/journals/%00", "/v1/journals/%c0%ae%c0%ae", "/v1/journals/%252e%252e",
     "/v1/journals/{journal}%2fartifacts", "/v1/journals/{journal}/artifacts/..%2f..%2fsecret",
     "/v1/journals/{journal}/artifacts/%2e%2e", "/v1/journals/{journal}/artifacts/a%0d%0aX-Evil:1",
     "/v1/documents/..%2f..%2fkeys.txt", "/v1/documents/%2e%2e", "/v1/documents/a%00.md",
     "/v1/dead-letters/..%2f..", "/%0d%0aX-Evil: 1", "/v1/journals/{journal}/history/%2e%2e"],
)  # fmt: skip
async def test_a_path_means_what_it_says(path: str, door: str, user: Client) -> None:
    """Sent as it is: a client would tidy it up first."""
    line = f"GET {path.format(journal=JOURNAL)} HTTP/1.1\r\n".encode()
    token = f"Authorization: Bearer {await user.token()}\r\n".encode()
    heard, _ = await raw.said(
        door, line + b"Host: a\r\nConnection: close\r\n" + token + b"\r\n", silence=5
    )

    assert raw.statuses(heard)[0] in {400, 404, 405, 422}
    assert b"x-evil" not in heard.lower().partition(b"\r\n\r\n")[0]
    assert b"python_info" not in heard


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "PATCH", "PURGE", "DELETE", "X" * 200])
async def test_a_method_nobody_knows_does_nothing(method: str, http: httpx.AsyncClient) -> None:
    answer = await http.request(method, "/v1/journals")

    assert answer.status_code in {400, 405}
    assert SECRET not in answer.text


# --- races --------------------------------------------------------------------------------------

ORDER = {"theme": "gratitude", "plan": "express"}


async def test_one_key_at_once_is_one_journal(
    http: httpx.AsyncClient, full: bool, fresh_limits: Callable[[], None]
) -> None:
    """R3.1a: who is not answered with the first answer is told to come back."""
    theme = f"one of {uuid4()}"
    headers = {"Idempotency-Key": str(uuid4())}
    count = 25
    rounds = 8 if full else 2

    for n in range(rounds):
        told = await asyncio.gather(
            *(
                http.post("/v1/journals", json={**ORDER, "theme": theme}, headers=headers)
                for _ in range(count)
            )
        )
        fresh_limits()
        granted = [answer for answer in told if answer.status_code == 202]
        assert {answer.status_code for answer in told} <= {202, 409}, n
        assert len({answer.content for answer in granted}) <= 1

    assert len(await ordered(http, theme)) == 1


async def test_one_key_with_two_bodies_is_the_one_that_came_first(http: httpx.AsyncClient) -> None:
    name = str(uuid4())
    headers = {"Idempotency-Key": name}
    bodies = [{**ORDER, "theme": f"{word} {name}"} for word in ("calm", "rage")] * 8
    told = await asyncio.gather(
        *(http.post("/v1/journals", json=body, headers=headers) for body in bodies)
    )

    assert sorted({answer.status_code for answer in told} - {409}) == [202, 422]
    themes = {answer.json()["theme"] for answer in told if answer.status_code == 202}
    assert [item["theme"] for item in await ordered(http, name)] == list(themes)


async def test_a_gateway_killed_in_the_middle_orders_once(
    user: Client, http: httpx.AsyncClient, platform: Platform
) -> None:
    """Wherever it is killed: the repeats find what the first one left."""
    key = str(uuid4())
    order = JournalOrder(theme=f"killed {key}", plan=PlanName.EXPRESS)
    first = asyncio.create_task(_persist(user, order, key))
    await asyncio.sleep(0.03)
    platform.kill("gateway-service")
    await asyncio.to_thread(platform.start, "gateway-service")

    ids = {await first, *[await user.order(order, key=key) for _ in range(3)]}

    assert len(ids) == 1
    assert len(await ordered(http, key)) == 1


async def _persist(user: Client, order: JournalOrder, key: str) -> UUID:
    async with asyncio.timeout(90):
        while True:
            with contextlib.suppress(Unreachable):
                return await user.order(order, key=key)


async def test_five_hundred_guesses_at_once_get_just_what_there_is(door: str) -> None:
    """R7.2b: never one more, whatever comes together; who cannot be counted does not get in."""
    who = {"email": f"{uuid4()}@example.org", "password": "a wrong pass phrase"}
    body = json.dumps(who).encode()
    head = (
        "POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    told = await asyncio.gather(
        *(raw.said(door, head.encode() + body, silence=raw.LONGEST) for _ in range(500))
    )

    statuses = [status for heard, _ in told for status in raw.statuses(heard)]
    refused = [heard for heard, _ in told if raw.statuses(heard) in ([429], [503])]
    assert set(statuses) <= {401, 429, 503}
    assert len(statuses) == 500
    assert statuses.count(401) <= ACCOUNT_HOLDS
    assert all(b"\r\nretry-after: " in heard for heard in refused)


# --- addresses that the platform is to call -----------------------------------------------------


@pytest.mark.parametrize(
    "field", ["base_url", "provider_url", "openai_base_url", "callback", "webhook", "model_url"]
)
@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "gopher://a:25/_"]
)
async def test_an_order_names_no_address(field: str, target: str, http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/journals", json={**ORDER, field: target})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert target not in answer.text


async def test_an_address_in_a_text_is_never_called(http: httpx.AsyncClient) -> None:
    called = asyncio.Event()
    trap = await asyncio.start_server(lambda reader, writer: called.set(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{trap.sockets[0].getsockname()[1]}/canary"
    note = f"![a]({url}) <img src='{url}'> {url}"
    async with trap:
        await http.put("/v1/documents/notes.md", content=note.encode())
        order = {
            "theme": f"rest {url}",
            "audience": url,
            "unattended": True,
            "documents": ["notes.md"],
        }
        journal = (await http.post("/v1/journals", json=json.loads(json.dumps(order)))).json()
        view: dict[str, Any] = {"percent": 0, "status": "running"}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                while view["percent"] < 10 and view["status"] != "waiting":
                    await asyncio.sleep(0.3)
                    view = (await http.get(f"/v1/journals/{journal['id']}")).json()
        await http.delete(f"/v1/journals/{journal['id']}")

    assert view["percent"] > 0
    assert not called.is_set()
