"""Handing files out, to their owner alone."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.blobs import CHUNK
from chassis.identity import SERVICE_HEADER
from chassis.ids import new_id
from journal_contracts.sharing import OWNER_HEADER
from media_service.handlers import Handlers

Clients = Callable[[UUID], httpx.AsyncClient]


@pytest.fixture
async def base(handlers: Handlers, crew: Any) -> str:
    """The path of a journal whose four files are on the shelf."""
    await handlers.register(await crew.hand_over())
    return f"/v1/journals/{crew.journal_id}/artifacts"


@pytest.fixture
def owner(open_client: Clients, crew: Any) -> httpx.AsyncClient:
    return open_client(crew.user_id)


async def test_lists_books_first_with_what_was_measured_on_them(
    owner: httpx.AsyncClient, base: str
) -> None:
    answer = await owner.get(base)

    items = answer.json()["items"]
    assert [item["name"] for item in items] == [
        "journal.pdf",
        "lead-magnet.pdf",
        "journal-cover.svg",
        "lead-magnet-cover.svg",
    ]
    assert items[0]["href"] == f"{base}/journal.pdf"
    assert (items[0]["edition"], items[0]["pages"], items[0]["figures"]) == ("journal", 67, 63)
    assert items[2]["pages"] is None
    assert "key" not in items[0]


async def test_hands_out_the_bytes_that_were_made(owner: httpx.AsyncClient, base: str) -> None:
    answer = await owner.get(f"{base}/journal.pdf")

    assert answer.status_code == 200
    assert answer.content == b"%PDF-1.7 the journal, thirty days of it"
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, immutable"
    assert answer.headers["content-disposition"] == 'attachment; filename="journal.pdf"'


async def test_shows_a_picture_where_it_can_do_no_harm(owner: httpx.AsyncClient, base: str) -> None:
    answer = await owner.get(f"{base}/lead-magnet-cover.svg")

    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-disposition"] == 'inline; filename="lead-magnet-cover.svg"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")


async def test_hands_out_the_part_that_was_asked_for(owner: httpx.AsyncClient, base: str) -> None:
    answer = await owner.get(f"{base}/journal.pdf", headers={"Range": "bytes=-9"})

    assert answer.status_code == 206
    assert answer.content == b"ays of it"
    assert answer.headers["content-range"] == "bytes 30-38/39"


async def test_says_how_long_the_file_is_when_a_range_lies_beyond(
    owner: httpx.AsyncClient, base: str
) -> None:
    answer = await owner.get(f"{base}/journal.pdf", headers={"Range": "bytes=39-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */39"
    assert answer.json()["code"] == "range_not_satisfiable"


async def test_does_not_send_what_the_caller_has(owner: httpx.AsyncClient, base: str) -> None:
    tag = (await owner.get(f"{base}/journal.pdf")).headers["etag"]

    answer = await owner.get(f"{base}/journal.pdf", headers={"If-None-Match": tag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag


async def test_describes_a_file_without_sending_it(owner: httpx.AsyncClient, base: str) -> None:
    whole = await owner.get(f"{base}/journal.pdf")

    answer = await owner.head(f"{base}/journal.pdf", headers={"Range": "bytes=0-1"})

    assert (answer.status_code, answer.content) == (200, b"")
    for name in ("content-length", "content-type", "etag"):
        assert answer.headers[name] == whole.headers[name]


async def test_streams_a_large_file_in_chunks(
    owner: httpx.AsyncClient, handlers: Handlers, crew: Any
) -> None:
    large = bytes(range(256)) * (3 * CHUNK // 256) + b"end"
    await handlers.register(await crew.hand_over(await crew.bind(journal=large)))

    path = f"/v1/journals/{crew.journal_id}/artifacts/journal.pdf"
    whole, part = await asyncio.gather(
        owner.get(path), owner.get(path, headers={"Range": f"bytes={CHUNK - 1}-{2 * CHUNK}"})
    )

    assert whole.content == large
    assert part.content == large[CHUNK - 1 : 2 * CHUNK + 1]


async def test_shows_a_stranger_nothing(open_client: Clients, base: str) -> None:
    stranger = open_client(new_id())

    answers = [await stranger.get(base), await stranger.get(f"{base}/journal.pdf")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].headers["content-type"] == "application/problem+json"


async def test_shows_a_friend_what_its_owner_has_when_the_gateway_says_whose_it_is(
    open_client: Clients, crew: Any, base: str
) -> None:
    friend = open_client(new_id())
    headers = {OWNER_HEADER: str(crew.user_id)}

    answers = [
        await friend.get(base, headers=headers),
        await friend.get(f"{base}/journal.pdf", headers=headers),
        await friend.get(base, headers={OWNER_HEADER: str(new_id())}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 404]


async def test_asks_who_is_calling(owner: httpx.AsyncClient, base: str) -> None:
    del owner.headers["authorization"]

    assert (await owner.get(base)).status_code == 401
    assert (await owner.get(f"{base}/journal.pdf")).status_code == 401


async def test_speaks_to_the_gateway_alone(owner: httpx.AsyncClient, base: str) -> None:
    del owner.headers[SERVICE_HEADER]

    assert (await owner.get(base)).status_code == 401
    assert (await owner.get(f"{base}/journal.pdf")).status_code == 401


@pytest.mark.parametrize("name", ["other.pdf", "%00", "%2e%2e", "..%2fjournal.pdf", "J.PDF"])
async def test_knows_no_file_that_is_not_on_the_shelf(
    owner: httpx.AsyncClient, base: str, name: str
) -> None:
    assert (await owner.get(f"{base}/{name}")).status_code == 404


async def test_admits_that_bytes_are_lost_instead_of_breaking_off(
    owner: httpx.AsyncClient, base: str, crew: Any
) -> None:
    await crew.blobs.remove_all(crew.home)

    assert (await owner.get(f"{base}/journal.pdf")).status_code == 404
