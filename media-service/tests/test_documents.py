"""Documents: within limits, their owner's alone, erased with the journal (R6.1a, R6.1c, R6.1d)."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.blobs import Blobs
from chassis.ids import new_id, now
from journal_contracts.documents import LARGEST, LARGEST_TOGETHER, MOST, documents_folder
from journal_contracts.events import CraftDeleted, CraftStarted
from journal_contracts.product import PlanName
from media_service.handlers import Handlers

Clients = Callable[[UUID], httpx.AsyncClient]
TEXT = b"A worry that is written down waits outside the ward."


@pytest.fixture
def user() -> UUID:
    return new_id()


@pytest.fixture
def client(open_client: Clients, user: UUID) -> httpx.AsyncClient:
    return open_client(user)


async def names(client: httpx.AsyncClient) -> list[str]:
    return [item["name"] for item in (await client.get("/v1/documents")).json()["items"]]


async def keep(client: httpx.AsyncClient, name: str, content: bytes = TEXT) -> httpx.Response:
    return await client.put(f"/v1/documents/{name}", content=content)


def started(user: UUID, journal: UUID, *documents: str) -> CraftStarted:
    about: dict[str, Any] = {"journal_id": journal, "user_id": user, "n": 1, "at": now()}
    wishes: dict[str, Any] = {"theme": "sleep", "plan": PlanName.STANDARD, "phases": ()}
    return CraftStarted(**about, **wishes, percent=0, documents=documents)


def deleted(user: UUID, journal: UUID) -> CraftDeleted:
    return CraftDeleted(journal_id=journal, user_id=user, n=9, at=now(), percent=0)


async def test_a_document_is_kept_where_the_crew_reads_it(
    client: httpx.AsyncClient, user: UUID, blobs: Blobs
) -> None:
    answer = await keep(client, "sleep.md")

    assert answer.status_code == 201
    assert answer.json() == {"name": "sleep.md", "media_type": "text/markdown", "bytes": len(TEXT)}
    assert await blobs.get(f"{documents_folder(user)}sleep.md") == TEXT
    assert await names(client) == ["sleep.md"]


async def test_the_same_name_takes_the_place_of_what_lay_there(client: httpx.AsyncClient) -> None:
    for content in (TEXT, b"Shorter."):
        await keep(client, "sleep.txt", content)

    [item] = (await client.get("/v1/documents")).json()["items"]
    assert item["bytes"] == 8


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("sleep.exe", TEXT, 415, "document_of_other_kind"),
        ("sleep", TEXT, 415, "document_of_other_kind"),
        ("sleep.pdf", TEXT, 422, "document_not_what_it_says"),
        ("sleep.txt", b"MZ\0\0", 422, "document_not_what_it_says"),
        ("sleep.txt", b"\xff\xfe", 422, "document_not_what_it_says"),
        ("sleep.md", b" \n", 422, "document_not_what_it_says"),
        ("sleep.txt", b"x" * (LARGEST + 1), 413, "document_too_large"),
        (".sleep.txt", TEXT, 422, "invalid_request"),
        ("sl eep.txt", TEXT, 422, "invalid_request"),
    ],
)
async def test_what_is_no_document_is_refused_with_the_reason(
    name: str, content: bytes, status: int, code: str, client: httpx.AsyncClient
) -> None:
    answer = await keep(client, name, content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await names(client) == []


async def test_there_are_only_so_many_also_when_they_come_at_once(
    client: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(*(keep(client, f"d{n}.txt") for n in range(MOST + 3)))

    assert sorted(answer.status_code for answer in answers) == [201] * MOST + [409] * 3
    assert len(await names(client)) == MOST


async def test_together_they_are_only_so_large(client: httpx.AsyncClient) -> None:
    for number in range(LARGEST_TOGETHER // LARGEST):
        assert (await keep(client, f"d{number}.txt", b"x" * LARGEST)).status_code == 201

    answer = await keep(client, "one-more.txt")

    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_documents")


async def test_nobody_sees_the_documents_of_another(
    client: httpx.AsyncClient, open_client: Clients
) -> None:
    await keep(client, "sleep.txt")
    stranger = open_client(new_id())

    assert await names(stranger) == []
    assert (await stranger.delete("/v1/documents/sleep.txt")).status_code == 404
    assert await names(client) == ["sleep.txt"]


async def test_its_owner_erases_it_at_once(client: httpx.AsyncClient) -> None:
    await keep(client, "sleep.txt")

    assert (await client.delete("/v1/documents/sleep.txt")).status_code == 204
    assert await names(client) == []


async def test_a_document_is_erased_with_the_last_journal_it_was_ordered_for(
    client: httpx.AsyncClient, user: UUID, handlers: Handlers
) -> None:
    first, second = new_id(), new_id()
    for name in ("both.txt", "first.txt", "none.txt"):
        await keep(client, name)
    for _ in range(2):
        await handlers.remember(started(user, first, "both.txt", "first.txt"))
    await handlers.remember(started(user, second, "both.txt"))

    for _ in range(2):
        await handlers.forget(deleted(user, first))
    assert await names(client) == ["both.txt", "none.txt"]
    await handlers.forget(deleted(user, second))

    assert await names(client) == ["none.txt"]


async def test_a_journal_that_was_deleted_before_it_was_heard_of_erases_them_too(
    client: httpx.AsyncClient, user: UUID, handlers: Handlers
) -> None:
    journal = new_id()
    await keep(client, "sleep.txt")
    await handlers.forget(deleted(user, journal))

    await handlers.remember(started(user, journal, "sleep.txt"))

    assert await names(client) == []
