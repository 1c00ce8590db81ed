"""Documents of users: taken in within limits, listed, handed to the crew by their key, erased.

The bytes are the row: what lies in a user's folder is there. Kept beside it is only which journals
were ordered with a document: with the last of these it is erased.
"""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.blobs import Blobs
from chassis.database import Database
from chassis.errors import NotFound, ServiceError
from chassis.identity import CurrentCaller, FreshCaller, only_from
from chassis.web import body_within
from journal_contracts.api import DocumentPage, DocumentView
from journal_contracts.catalogue import GATEWAY
from journal_contracts.documents import (
    KINDS,
    LARGEST,
    LARGEST_TOGETHER,
    MOST,
    NAME,
    documents_folder,
    is_what_it_says,
    kind_of,
)
from media_service.routes import TheBlobs, TheDatabase
from media_service.store import forget_uses, uses_of

log = structlog.get_logger()

routes = APIRouter(prefix="/v1/documents", dependencies=[Depends(only_from(GATEWAY))])
Name = Annotated[str, Path(pattern=NAME)]


class DocumentOfOtherKind(ServiceError):
    """Its name has an ending that nobody here can read."""

    status = 415


class DocumentNotWhatItSays(ServiceError):
    """The bytes are not of the kind that the name promises."""

    status = 422


class DocumentTooLarge(ServiceError):
    """More bytes than a document may have."""

    status = 413


class TooManyDocuments(ServiceError):
    """The user's documents would be more, or larger, than they may be together."""

    status = 409


@routes.get("")
async def shelf(caller: CurrentCaller, blobs: TheBlobs) -> DocumentPage:
    """All documents of a user, by name."""
    kept = await _kept(blobs, caller.user_id)
    return DocumentPage(items=tuple(_view(name, size) for name, size in kept.items()))


@routes.put("/{name}", status_code=201)
async def take(
    name: Name, request: Request, caller: CurrentCaller, blobs: TheBlobs, database: TheDatabase
) -> DocumentView:
    """Keep a document under its name, in the place of what lay there."""
    media_type = kind_of(name)
    if media_type is None:
        raise DocumentOfOtherKind(f"We read {', '.join(KINDS)}, by the ending of the name.")
    refusal = DocumentTooLarge(f"A document has at most {LARGEST:,} bytes.")
    content = await body_within(request, LARGEST, refusal)
    if not is_what_it_says(name, content):
        raise DocumentNotWhatItSays(f"This is no {media_type} that we can read.")
    async with database.transaction() as session:
        await _alone_with(session, caller.user_id)
        _check_room(await _kept(blobs, caller.user_id), name, len(content))
        await blobs.put(f"{documents_folder(caller.user_id)}{name}", content, media_type)
    return _view(name, len(content))


@routes.delete("/{name}", status_code=204)
async def drop(name: Name, caller: FreshCaller, blobs: TheBlobs) -> None:
    """Erase a document at once."""
    if name not in await _kept(blobs, caller.user_id):
        raise NotFound("There is no such document.")
    await blobs.remove(f"{documents_folder(caller.user_id)}{name}")


async def erase_with(
    database: Database, blobs: Blobs, user_id: UUID, journal_id: UUID, named: Iterable[str] = ()
) -> None:
    """Erase what only this journal was ordered with; the uses go once the bytes are gone."""
    async with database.transaction() as session:
        await _alone_with(session, user_id)
        uses = await uses_of(session, user_id)
        mine = {*named, *(name for name, journal in uses if journal == journal_id)}
        others = {name for name, journal in uses if journal != journal_id}
        for name in mine - others:
            await blobs.remove(f"{documents_folder(user_id)}{name}")
        await forget_uses(session, journal_id)
    if mine:
        log.info("documents_erased", journal_id=str(journal_id), erased=len(mine - others))


async def _alone_with(session: AsyncSession, user_id: UUID) -> None:
    """Keep other hands off this user's documents until the transaction ends."""
    key = func.hashtextextended(str(user_id), 1)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def _kept(blobs: Blobs, user_id: UUID) -> dict[str, int]:
    folder = documents_folder(user_id)
    sizes = await blobs.sizes(folder)
    return {key.removeprefix(folder): size for key, size in sizes.items()}


def _check_room(kept: dict[str, int], name: str, size: int) -> None:
    others = [size for other, size in kept.items() if other != name]
    if len(others) >= MOST:
        raise TooManyDocuments(f"There are {MOST} documents already. Delete one first.")
    if sum(others) + size > LARGEST_TOGETHER:
        raise TooManyDocuments(f"All documents have at most {LARGEST_TOGETHER:,} bytes together.")


def _view(name: str, size: int) -> DocumentView:
    return DocumentView(name=name, media_type=kind_of(name) or "", bytes=size)
