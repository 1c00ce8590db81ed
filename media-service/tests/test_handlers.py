"""Taking finished files onto a user's shelf, and forgetting a journal."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from chassis.blobs import BlobMissing, Blobs
from chassis.database import Database
from chassis.ids import now
from chassis.outbox import OutboxRow
from journal_contracts.artifacts import Editions
from journal_contracts.commands import WithdrawAssets
from journal_contracts.events import AssetsRegistered, AssetsWithdrawn, CraftDeleted, StepFailed
from media_service.handlers import Handlers
from media_service.store import Asset, list_assets

ALL_FOUR = ["journal.pdf", "lead-magnet.pdf", "journal-cover.svg", "lead-magnet-cover.svg"]


async def shelf(database: Database, crew: Any) -> dict[str, Asset]:
    async with database.transaction() as session:
        found = await list_assets(session, owner=crew.user_id, journal_id=crew.journal_id)
    return {asset.name: asset for asset in found}


async def said(database: Database, crew: Any) -> list[tuple[str, dict[str, Any]]]:
    """What the outbox holds of this journal, in order."""
    of_this = col(OutboxRow.subject) == str(crew.journal_id)
    rows_of_this = select(OutboxRow).where(of_this).order_by(col(OutboxRow.id))
    async with database.transaction() as session:
        rows = (await session.scalars(rows_of_this)).all()
    return [(row.name, json.loads(row.body)) for row in rows]


def deletion_of(crew: Any) -> CraftDeleted:
    return CraftDeleted(
        journal_id=crew.journal_id, user_id=crew.user_id, n=9, at=now(), percent=100
    )


def with_journal(editions: Editions, **changes: Any) -> Editions:
    """The same editions, but the blob of the journal is described otherwise."""
    first, *others = editions.books
    blob = first.blob.model_copy(update=changes)
    books = (first.model_copy(update={"blob": blob}), *others)
    return editions.model_copy(update={"books": books})


async def test_takes_both_books_and_their_pictures_onto_the_shelf(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    command = await crew.hand_over()

    await handlers.register(command)

    assets = await shelf(database, crew)
    assert list(assets) == ["journal.pdf", "lead-magnet.pdf", *sorted(ALL_FOUR[2:])]
    assert assets["journal.pdf"].edition == "journal"
    assert assets["journal.pdf"].pages == 67
    assert assets["lead-magnet-cover.svg"].edition is None
    [(name, body)] = await said(database, crew)
    assert name == AssetsRegistered.name
    assert body["assets"] == ALL_FOUR
    assert (body["journal_id"], body["phase"], body["attempt"]) == (
        str(crew.journal_id),
        "shelving",
        1,
    )


@pytest.mark.parametrize(
    ("media_type", "name"),
    [("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp")],
)
async def test_a_generated_picture_has_the_name_of_its_kind(
    media_type: str, name: str, handlers: Handlers, database: Database, crew: Any
) -> None:
    """R6.2a: a reader's program goes by it."""
    editions = _with_cover_of(await crew.bind(), media_type)

    await handlers.register(await crew.hand_over(editions))

    assert (await shelf(database, crew))[f"journal-cover.{name}"].media_type == media_type


async def test_what_is_no_picture_is_not_taken_as_one(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    editions = _with_cover_of(await crew.bind(), "text/html")

    await handlers.register(await crew.hand_over(editions))

    assert await shelf(database, crew) == {}
    [(name, body)] = await said(database, crew)
    assert (name, body["code"]) == (StepFailed.name, "asset_damaged")


def _with_cover_of(editions: Editions, media_type: str) -> Editions:
    cover, *others = editions.illustrations
    blob = cover.blob.model_copy(update={"media_type": media_type})
    pictures = (cover.model_copy(update={"blob": blob}), *others)
    return editions.model_copy(update={"illustrations": pictures})


async def test_hearing_the_same_again_changes_nothing_and_answers_again(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    command = await crew.hand_over()
    await handlers.register(command)
    before = await shelf(database, crew)

    await handlers.register(command)

    assert await shelf(database, crew) == before
    assert [name for name, _ in await said(database, crew)] == [AssetsRegistered.name] * 2


async def test_a_new_edition_replaces_what_changed_and_drops_what_is_gone(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    await handlers.register(await crew.hand_over())
    before = await shelf(database, crew)
    again = await crew.bind(journal=b"%PDF-1.7 edited", folder="editions/2")
    again = again.model_copy(update={"illustrations": again.illustrations[:1]})

    await handlers.register(await crew.hand_over(again, attempt=2))

    after = await shelf(database, crew)
    assert sorted(after) == ["journal-cover.svg", "journal.pdf", "lead-magnet.pdf"]
    assert after["journal.pdf"].bytes == len(b"%PDF-1.7 edited")
    assert after["journal.pdf"].sha256 != before["journal.pdf"].sha256
    assert after["journal.pdf"].key.startswith(f"{crew.home}editions/2/")


async def test_an_older_attempt_that_comes_late_does_not_undo_a_newer_one(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    old = await crew.hand_over()
    new = await crew.bind(journal=b"%PDF-1.7 edited", folder="editions/2")
    await handlers.register(await crew.hand_over(new, attempt=2))

    await handlers.register(old)

    assert (await shelf(database, crew))["journal.pdf"].bytes == len(b"%PDF-1.7 edited")
    assert [body["attempt"] for _, body in await said(database, crew)] == [2]


@pytest.mark.parametrize(
    "changes", [{"sha256": "0" * 64}, {"bytes": 1}, {"bytes": 0}], ids=["sum", "size", "empty"]
)
async def test_refuses_a_book_whose_bytes_are_not_what_was_made(
    handlers: Handlers, database: Database, crew: Any, changes: dict[str, Any]
) -> None:
    damaged = with_journal(await crew.bind(), **changes)

    await handlers.register(await crew.hand_over(damaged))

    assert await shelf(database, crew) == {}
    [(name, body)] = await said(database, crew)
    assert name == StepFailed.name
    assert (body["kind"], body["code"], body["phase"]) == ("fatal", "asset_damaged", "shelving")


async def test_refuses_a_book_that_is_not_there(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    nowhere = with_journal(await crew.bind(), key=f"{crew.home}editions/1/nothing.pdf")

    await handlers.register(await crew.hand_over(nowhere))

    assert await shelf(database, crew) == {}
    assert [body["code"] for _, body in await said(database, crew)] == ["asset_damaged"]


async def test_refuses_a_list_of_editions_that_cannot_be_read(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    command = await crew.hand_over()
    await crew.blobs.put(command.editions, b"{}", "application/json")

    await handlers.register(command)

    assert [body["code"] for _, body in await said(database, crew)] == ["asset_damaged"]


@pytest.mark.parametrize("name", ["../journal.pdf", 'a".pdf', "", "a/b.pdf", "lead-magnet.pdf"])
async def test_refuses_names_that_are_unsafe_or_taken(
    handlers: Handlers, database: Database, crew: Any, name: str
) -> None:
    editions = await crew.bind()
    first, *others = editions.books
    books = (first.model_copy(update={"name": name}), *others)

    await handlers.register(await crew.hand_over(editions.model_copy(update={"books": books})))

    assert await shelf(database, crew) == {}
    assert [body["code"] for _, body in await said(database, crew)] == ["asset_damaged"]


async def test_never_takes_a_file_of_another_user(
    handlers: Handlers, database: Database, crew: Any, another_crew: Any
) -> None:
    theirs = (await another_crew.bind()).books[0].blob
    stolen = with_journal(await crew.bind(), **theirs.model_dump())

    await handlers.register(await crew.hand_over(stolen))

    assert await shelf(database, crew) == {}
    assert [body["code"] for _, body in await said(database, crew)] == ["asset_foreign"]


async def test_never_follows_a_key_that_climbs_out(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    climbing = with_journal(await crew.bind(), key=f"{crew.home}../../other/journal.pdf")

    await handlers.register(await crew.hand_over(climbing))

    assert [body["code"] for _, body in await said(database, crew)] == ["asset_foreign"]


async def test_asks_for_another_try_while_the_store_is_away(
    database: Database, crew: Any, blobs: Blobs
) -> None:
    class Away:
        """The one thing about a store that cannot be had from a real one on demand."""

        async def get(self, key: str) -> bytes:
            raise ConnectionError(key)

    command = await crew.hand_over()
    handlers = Handlers(database, Away(), outbox=None)  # type: ignore[arg-type]

    with pytest.raises(ConnectionError):
        await handlers.register(command)

    assert await said(database, crew) == []


async def test_forgets_a_deleted_journal_with_all_its_bytes_and_no_other(
    handlers: Handlers, database: Database, crew: Any, another_crew: Any
) -> None:
    command = await crew.hand_over()
    await handlers.register(command)
    await handlers.register(await another_crew.hand_over())

    await handlers.forget(deletion_of(crew))
    await handlers.forget(deletion_of(crew))

    assert await shelf(database, crew) == {}
    assert len(await shelf(database, another_crew)) == 4
    with pytest.raises(BlobMissing):
        await crew.blobs.get(command.editions)


async def test_what_comes_after_a_deletion_does_not_bring_the_journal_back(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    await handlers.forget(deletion_of(crew))
    late = await crew.hand_over()

    await handlers.register(late)

    assert await shelf(database, crew) == {}
    assert await said(database, crew) == []
    with pytest.raises(BlobMissing):
        await crew.blobs.get(late.editions)


async def test_what_is_withdrawn_stays_off_the_shelf_until_it_is_made_anew(
    handlers: Handlers, database: Database, crew: Any
) -> None:
    command = await crew.hand_over()
    await handlers.register(command)
    withdrawal = WithdrawAssets(
        journal_id=crew.journal_id,
        user_id=crew.user_id,
        phase=command.phase,
        part="undo",
        registered=1,
    )

    await handlers.withdraw(withdrawal)
    await handlers.register(command)  # late, once more
    assert await shelf(database, crew) == {}

    await handlers.register(command.model_copy(update={"attempt": 2}))
    await handlers.withdraw(withdrawal)  # late, once more
    assert len(await shelf(database, crew)) == len(ALL_FOUR)
    names = [name for name, _ in await said(database, crew)]
    assert names.count(AssetsWithdrawn.name) == 2


async def test_a_user_who_left_leaves_no_row_and_no_byte_and_others_keep_theirs(
    handlers: Handlers, database: Database, blobs: Blobs, crew: Any, other: Any
) -> None:
    """R7.1: the store is away the first time; what comes later changes nothing."""
    for each in (crew, other):
        await handlers.register(await each.hand_over())
        await blobs.put(f"users/{each.user_id}/documents/diary.md", b"canary", "text/markdown")
    late = await crew.hand_over(attempt=2)

    with pytest.raises(ConnectionError):
        await replace(handlers, blobs=Away()).erase(crew.user_id)
    await handlers.erase(crew.user_id)
    await handlers.register(late)
    await handlers.erase(crew.user_id)

    assert await shelf(database, crew) == {}
    assert await blobs.sizes(f"users/{crew.user_id}/") == {}
    assert sorted(await shelf(database, other)) == sorted(ALL_FOUR)
    assert len(await blobs.sizes(f"users/{other.user_id}/")) > len(ALL_FOUR)


class Away:
    """A store that cannot be reached."""

    async def remove_all(self, prefix: str) -> None:
        raise ConnectionError(prefix)


@pytest.fixture
def other(crew: Any, blobs: Blobs) -> Any:
    """Another user's crew."""
    return type(crew)(blobs)
