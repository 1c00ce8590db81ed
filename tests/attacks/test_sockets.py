"""Sockets: who may connect, what may be said, and whose journals are heard and decided there."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
import websockets

from journal_client.client import Client
from journal_contracts.api import Answer, JournalOrder
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName
from journal_contracts.realtime import SUBPROTOCOL
from tests.journeys.following import until

from . import raw

ORDER = JournalOrder(theme="gratitude", plan=PlanName.EXPRESS)
MOST_SOCKETS = 5


@contextlib.asynccontextmanager
async def socket(url: str, hello: Any, **more: Any) -> AsyncIterator[websockets.ClientConnection]:
    """A socket that has said hello."""
    place = url.replace("http", "ws", 1) + more.pop("path", "/v1/rt")
    options = {"subprotocols": [SUBPROTOCOL], "open_timeout": 5, "close_timeout": 1, **more}
    async with websockets.connect(place, proxy=None, **options) as found:
        if hello is not None:
            await found.send(json.dumps({"t": "hello", "v": 1, **hello}))
        yield found


async def frames(found: websockets.ClientConnection, seconds: float = 5) -> AsyncIterator[Any]:
    """Frames, one at a time, as long as they come."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(seconds):
            async for told in found:
                read = json.loads(told)
                for frame in read if isinstance(read, list) else [read]:
                    yield frame


async def word(found: websockets.ClientConnection, t: str, seconds: float = 5) -> Any:
    """The next frame of a kind."""
    async for frame in frames(found, seconds):
        if frame["t"] == t:
            return frame
    raise AssertionError(f"closed with {found.close_code} before {t}")


async def closed(found: websockets.ClientConnection, seconds: float = 10) -> int:
    """Why the other side closed."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(seconds):
            while True:
                await found.recv()
    return int(found.close_code or 0)


# --- who may connect ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://evil.example:{port}",
     "http://127.0.0.1", "http://127.0.0.1:1", "http://127.0.0.1:{port}@evil.example",
     "http://evil.example/127.0.0.1:{port}", "file://", "http://localhost:1"],
)  # fmt: skip
async def test_a_page_from_elsewhere_may_not_connect(origin: str, door: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with socket(door, None, origin=origin.format(port=urlsplit(door).port)):
            pass

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "lines",
    [
        ["Origin: https://evil.example", "X-Forwarded-Host: evil.example"],
        ["Origin: http://a", "Origin: https://evil.example"],
    ],
    ids=["a forwarded host", "two origins"],
)
async def test_no_header_makes_a_foreign_page_ours(lines: list[str], door: str) -> None:
    heard, _ = await raw.said(door, raw.handshake(urlsplit(door).netloc, *lines))

    assert raw.statuses(heard) in ([403], [400])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Version: 13", "Version: 12"),
        (f"Protocol: {SUBPROTOCOL}", "Protocol: chat"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short"),
        ("GET /v1/rt", "POST /v1/rt"),
        ("GET /v1/rt", "GET /v1/journals"),
    ],
    ids=["version", "subprotocol", "another upgrade", "a bad key", "POST", "another route"],
)
async def test_a_handshake_that_is_none_opens_nothing(before: str, after: str, door: str) -> None:
    ask = raw.handshake(urlsplit(door).netloc).replace(before.encode(), after.encode())
    heard, _ = await raw.said(door, ask)

    assert all(400 <= status < 500 for status in raw.statuses(heard)), heard[:100]


async def test_a_ticket_is_good_once(door: str, http: httpx.AsyncClient) -> None:
    ticket = (await http.post("/v1/rt/ticket")).json()["ticket"]
    async with socket(door, {"ticket": ticket}) as first:
        await word(first, "welcome")

    async with socket(door, {"ticket": ticket}) as second:
        assert await closed(second) == 4401


async def test_of_many_who_bring_one_ticket_one_gets_in(door: str, http: httpx.AsyncClient) -> None:
    ticket = (await http.post("/v1/rt/ticket")).json()["ticket"]

    async def enter() -> bool:
        async with socket(door, {"ticket": ticket}) as found:
            try:
                return bool(await word(found, "welcome"))
            except AssertionError:
                return False

    assert sum(await asyncio.gather(*(enter() for _ in range(10)))) == 1


@pytest.mark.parametrize("name", ["token", "access_token", "ticket", "jwt", "Authorization"])
async def test_a_token_in_the_address_is_worth_nothing(name: str, door: str, user: Client) -> None:
    """It would lie in logs and histories; and it is not taken before 5 s have passed either."""
    token = await user.token()
    async with socket(door, None, path=f"/v1/rt?{name}={token}") as found:
        await found.send(json.dumps({"t": "pong"}))
        assert await closed(found) == 4400


@pytest.mark.parametrize(
    "hello",
    [{"token": "x"}, {"token": "x" * 8_000}, {"token": "a.b.c"}, {"ticket": "x"},
     {"token": "e30.e30."}, {"ticket": "../../etc"}],
    ids=["short", "long", "dots", "no ticket", "none", "a path"],
)  # fmt: skip
async def test_a_token_that_is_none_opens_nothing(hello: Any, door: str) -> None:
    async with socket(door, hello) as found:
        assert await closed(found) == 4401


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"t": "hello", "v": 2, "token": "x"}, 4406),
        ({"t": "hello", "v": 1}, 4400),
        ({"t": "hello", "v": 1, "token": "x", "ticket": "y"}, 4400),
        ({"t": "hello", "v": 1, "token": ["x"]}, 4400),
        ({"t": "hello", "v": 1, "token": "x", "resume": {"epoch": "e", "o": -1}}, 4400),
        ({"t": "decide"}, 4400),
        ([{"t": "hello", "v": 1, "token": "x"}], 4400),
        (7, 4400),
    ],
    ids=["version", "nobody", "both", "a list", "before the beginning", "decide", "array", "7"],
)
async def test_a_first_word_that_is_no_hello_ends_it(frame: Any, code: int, door: str) -> None:
    async with socket(door, None) as found:
        await found.send(json.dumps(frame))
        assert await closed(found) == code


# --- what may be said ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (raw.frame(b"x" * (64 * 1024 + 1)), 1009),
        (raw.frame(b"x", raw.TEXT, final=False) + raw.frame(b"x" * 65_536, 0x0), 1009),
        (raw.frame(b"\xff\xfe"), 1007),
        (raw.frame(b"\xed\xa0\x80"), 1007),
        (raw.frame(b"{}", masked=False), 1002),
        (raw.frame(b"{}", bits=0x40), 1002),
        (raw.frame(b"{}", bits=0x10), 1002),
        (raw.frame(b"{}", 0x3), 1002),
        (raw.frame(b"x" * 126, raw.PING), 1002),
        (raw.frame(b"x", raw.PING, final=False), 1002),
        (raw.frame(b"{}", 0x0), 1002),
        (raw.frame(b"\x03", raw.CLOSE), 1002),
        (b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"mask", 1009),
        (raw.frame(b"{}", raw.BINARY), 4400),
        (raw.frame(b"[" * 60_000), 4400),
        (raw.frame(b'{"t":"hello","v":1,"token":NaN}'), 4400),
        (raw.frame(b'{"t":"hello","t":"hello","v":1,"token":"x"}'), 4400),
        (raw.frame(b'{"t":"hello","v":1,"token":"\\u0000"}'), 4400),
    ],
    ids=[
        "64 KiB and 1", "64 KiB and 1 in pieces", "no UTF-8", "a surrogate", "without a mask",
        "compressed", "a reserved bit", "a reserved kind", "a long ping", "a ping in pieces",
        "the end of nothing", "half a close", "an exabyte", "binary", "deep", "NaN", "a key twice",
        "NUL",
    ],
)  # fmt: skip
async def test_a_frame_that_is_none_ends_it(frame: bytes, code: int, door: str) -> None:
    """A stream that cannot be read on may also just be hung up."""
    async with raw.upgraded(door) as (reader, writer):
        writer.write(frame)
        assert await raw.close_code(reader) in {code, 1006}


async def test_who_says_nothing_is_let_go_of(door: str) -> None:
    async with socket(door, None) as found:
        assert await closed(found) in {4408, 1006}


@pytest.mark.parametrize("kind", ["pong", "read", "decide", "ping", "nonsense", "array"])
async def test_a_flood_of_words_holds_up_nobody_else(
    kind: str, door: str, user: Client, stranger: Client, full: bool
) -> None:
    """Whoever floods may be let go of; others are answered all the while."""
    said = {
        "pong": {"t": "pong"},
        "read": {"t": "read", "journal": str(uuid4())},
        "decide": {"t": "decide", "id": "a", "journal": str(uuid4()), "decisionId": "title",
                   "choice": {"option": "t1"}},
        "nonsense": {"t": "nonsense"},
        "array": [{"t": "pong"}] * 2_000,
    }  # fmt: skip
    count = 20_000 if full else 1_000
    async with socket(door, {"token": await user.token()}) as loud:
        await word(loud, "snapshot")
        flooding = asyncio.create_task(_flood(loud, kind, said.get(kind), count))
        async with socket(door, {"token": await stranger.token()}) as quiet:
            await word(quiet, "snapshot", 10)
            async with httpx.AsyncClient(base_url=door, trust_env=False) as http:
                assert (await http.get("/livez", timeout=5)).status_code == 200
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flooding


async def _flood(loud: websockets.ClientConnection, kind: str, said: Any, count: int) -> None:
    word = json.dumps(said)
    with contextlib.suppress(websockets.ConnectionClosed):
        for _ in range(count):
            await (loud.ping() if kind == "ping" else loud.send(word))
            await asyncio.sleep(0)


async def test_one_user_has_so_many_sockets_and_others_have_theirs(
    door: str, newcomer: Client, stranger: Client, full: bool
) -> None:
    token = await newcomer.token()
    count = 1_000 if full else 40
    few = asyncio.Semaphore(50)
    over = asyncio.Event()

    async def connect() -> str:
        async with contextlib.AsyncExitStack() as stack:
            async with few:
                found = await stack.enter_async_context(socket(door, {"token": token}))
                try:
                    await word(found, "welcome", 20)
                except AssertionError:
                    return f"closed {found.close_code}"
            await over.wait()
            return "connected"

    sockets = [asyncio.create_task(connect()) for _ in range(count)]
    while sum(not task.done() for task in sockets) > MOST_SOCKETS:
        await asyncio.wait(sockets, return_when=asyncio.FIRST_COMPLETED, timeout=1)
        sockets = [task for task in sockets if not task.done() or await _is_refused(task)]
    async with socket(door, {"token": await stranger.token()}) as other:
        assert await word(other, "welcome")
    over.set()

    told = await asyncio.gather(*sockets)
    assert told.count("connected") == MOST_SOCKETS


async def _is_refused(task: "asyncio.Task[str]") -> bool:
    assert (await task).startswith("closed 4")
    return False


# --- whose journals -----------------------------------------------------------------------------


async def asked(user: Client) -> UUID:
    """A journal that waits for its title."""
    journal = await user.order(ORDER)
    await until(user, journal, lambda view: bool(view.open_decisions))
    return journal


def answer(journal: UUID, option: str = "t1", **more: Any) -> dict[str, Any]:
    return {"t": "decide", "id": str(uuid4()), "journal": str(journal), "decisionId": "title",
            "rev": 1, "choice": {"option": option}, **more}  # fmt: skip


async def verdict(door: str, who: Client, *words: dict[str, Any]) -> list[str]:
    """What becomes of answers over one socket."""
    told: list[str] = []
    async with socket(door, {"token": await who.token()}) as found:
        await word(found, "snapshot")
        for each in words:
            await found.send(json.dumps(each))
        async for frame in frames(found, 15):
            if frame["t"] in ("decide.result", "decide.refused"):
                told.append(frame["result"])
                if len(told) == len(words):
                    break
    return told


async def test_anothers_journal_is_neither_told_nor_read_along(
    door: str, user: Client, newcomer: Client
) -> None:
    async with socket(door, {"token": await newcomer.token()}) as spy:
        snapshot = await word(spy, "snapshot")
        journal = await user.order(ORDER)
        await spy.send(json.dumps({"t": "read", "journal": str(journal)}))
        await until(user, journal, lambda view: bool(view.open_decisions))
        overheard = []
        with contextlib.suppress(TimeoutError):
            async for frame in frames(spy, 1):
                overheard.append(frame)

    assert snapshot["journals"] == []
    assert [frame for frame in overheard if frame["t"] != "ping"] == []
    await user.cancel(journal)


async def test_anothers_place_in_the_feed_is_no_way_in(
    door: str, user: Client, newcomer: Client
) -> None:
    journal = await asked(user)
    async with socket(door, {"token": await user.token()}) as own:
        epoch = (await word(own, "welcome"))["epoch"]

    async with socket(
        door, {"token": await newcomer.token(), "resume": {"epoch": epoch, "o": 0}}
    ) as spy:
        welcome, snapshot = await word(spy, "welcome"), await word(spy, "snapshot")

    assert (welcome["mode"], snapshot["journals"]) == ("snapshot", [])
    await user.cancel(journal)


async def test_anothers_decision_is_unknown(door: str, user: Client, stranger: Client) -> None:
    journal = await asked(user)

    assert await verdict(door, stranger, answer(journal)) == ["unknown"]
    assert (await user.state(journal)).open_decisions
    await user.cancel(journal)


async def test_twice_is_once(door: str, user: Client) -> None:
    journal = await asked(user)
    told = await verdict(door, user, *(answer(journal, f"t{n % 2 + 1}") for n in range(6)))

    assert sorted(told) == ["accepted", "already", "already", "conflict", "conflict", "conflict"]
    await user.cancel(journal)


async def test_two_tabs_at_once_are_told_one_thing(door: str, user: Client, full: bool) -> None:
    for _ in range(20 if full else 1):
        journal = await asked(user)
        tabs = (verdict(door, user, answer(journal, option)) for option in ("t1", "t2", "t3"))
        told = [result for results in await asyncio.gather(*tabs) for result in results]

        assert sorted(told) == ["accepted", "conflict", "conflict"]
        await user.cancel(journal)


async def test_late_and_after_the_end_is_expired(door: str, user: Client) -> None:
    journal = await asked(user)
    await user.cancel(journal)

    assert await verdict(door, user, answer(journal)) == ["expired"]


async def test_over_both_doors_one_counts(door: str, user: Client) -> None:
    journal = await asked(user)
    made = await user.decide(journal, "title", Answer(rev=1, choice=Choice(option="t2")))

    told = await verdict(door, user, answer(journal, "t2"), answer(journal, "t3"))

    assert (made.result, sorted(told)) == ("accepted", ["already", "conflict"])
    await user.cancel(journal)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"decisionId": "../../cancel"}, "unknown"),
        ({"decisionId": "title/extend"}, "unknown"),
        ({"rev": 99}, "unknown"),
        ({"choice": {"option": "t99"}}, "invalid"),
        ({"choice": {"option": "own", "text": "x" * 5_000}}, "invalid"),
        ({"choice": {"option": "own", "text": "\u202e"}}, "invalid"),
        ({"rev": 0}, "invalid"),
    ],
    ids=["a path", "another route", "a later round", "no option", "too long", "hidden", "round 0"],
)
async def test_an_answer_that_does_not_fit_changes_nothing(
    more: dict[str, Any], told: str, door: str, user: Client
) -> None:
    journal = await asked(user)

    assert await verdict(door, user, answer(journal, **more)) == [told]
    assert [open_.id for open_ in (await user.state(journal)).open_decisions] == ["title"]
    await user.cancel(journal)
