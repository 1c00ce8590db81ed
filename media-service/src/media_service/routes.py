"""What media-service answers: the files of a journal, to its owner and whom it is shared with."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import httpx
import structlog
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from chassis.blobs import BadKey, BlobMissing, Blobs
from chassis.database import Database
from chassis.errors import NotFound, Unavailable, problem
from chassis.identity import CurrentCaller, only_from
from journal_contracts.api import AssetPage, AssetView
from journal_contracts.catalogue import GATEWAY
from journal_contracts.sharing import OWNER_HEADER
from media_service.delivery import Span, Unsatisfiable, headers_for, is_known, span_wanted
from media_service.inspection import NAME
from media_service.store import Asset, find_asset, list_assets

log = structlog.get_logger()

routes = APIRouter(
    prefix="/v1/journals/{journal_id}/artifacts", dependencies=[Depends(only_from(GATEWAY))]
)


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _blobs(request: Request) -> Blobs:
    blobs: Blobs = request.app.state.blobs
    return blobs


TheDatabase = Annotated[Database, Depends(_database)]
TheBlobs = Annotated[Blobs, Depends(_blobs)]


async def _owner(
    caller: CurrentCaller,
    owner: Annotated[UUID | None, Header(alias=OWNER_HEADER, include_in_schema=False)] = None,
) -> UUID:
    """Whose files: the caller's own, or of whom the gateway knows that they share the journal."""
    return owner or caller.user_id


Owner = Annotated[UUID, Depends(_owner)]


async def _asset(journal_id: UUID, name: str, owner: Owner, database: TheDatabase) -> Asset:
    """The file of that name; a name that no file can have is not looked for."""
    found = None
    if NAME.fullmatch(name):
        async with database.transaction() as session:
            found = await find_asset(session, owner=owner, journal_id=journal_id, name=name)
    if found is None:
        raise NotFound("There is no such file.")
    return found


TheAsset = Annotated[Asset, Depends(_asset)]


@routes.get("")
async def shelf(journal_id: UUID, owner: Owner, database: TheDatabase) -> AssetPage:
    """All files of a journal, books first; 404 while there are none."""
    async with database.transaction() as session:
        assets = await list_assets(session, owner=owner, journal_id=journal_id)
    if not assets:
        raise NotFound("There are no files of such a journal.")
    return AssetPage(items=tuple(map(_view, assets)))


@routes.get("/{name}", response_class=Response)
async def deliver(request: Request, asset: TheAsset, blobs: TheBlobs) -> Response:
    """The file, or the part of it that a Range header asks for."""
    headers = headers_for(asset)
    if is_known(request.headers, asset):
        return Response(status_code=304, headers=headers)
    try:
        span = span_wanted(request.headers, asset)
    except Unsatisfiable:
        nowhere = {"Content-Range": f"bytes */{asset.bytes}"}
        return problem(416, "range_not_satisfiable", "The file is shorter.", nowhere)
    status, sent = (206, span) if span else (200, Span(0, asset.bytes - 1))
    if span:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{asset.bytes}"
    headers["Content-Length"] = str(sent.length)
    chunks = await opened(blobs, asset.key, sent)
    return StreamingResponse(chunks, status, headers, media_type=asset.media_type)


@routes.head("/{name}", response_class=Response)
async def describe(request: Request, asset: TheAsset) -> Response:
    """What the file is, without the file."""
    headers = headers_for(asset)
    if is_known(request.headers, asset):
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(asset.bytes)
    return Response(status_code=200, headers=headers, media_type=asset.media_type)


async def opened(blobs: Blobs, key: str, span: Span) -> AsyncIterator[bytes]:
    """The bytes, once the first are here: what goes wrong before that is still an honest status."""
    chunks = blobs.read(key, span.first, span.last)
    try:
        first = await anext(chunks)
    except (BlobMissing, BadKey) as error:
        log.error("file_lost", key=key)
        raise NotFound("The file is gone.") from error
    except httpx.HTTPError as error:
        raise Unavailable("Files cannot be read at the moment.") from error
    return _join(first, chunks)


async def _join(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _view(asset: Asset) -> AssetView:
    href = f"/v1/journals/{asset.journal_id}/artifacts/{asset.name}"
    return AssetView.model_validate({**asset.model_dump(), "href": href})
