"""Finished files at the door: asked of the media service, which owns them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Path, Request, Response

from chassis.identity import bearer_token
from gateway_service.owners import AskedOwners, PassedOnFile, passed_on, picked
from gateway_service.problems import documented, signed_in
from gateway_service.sharing import asked_as_reader
from journal_contracts.api import AssetPage

FILE: Final[dict[str, Any]] = {"content": {"application/octet-stream": {}}}
CONDITIONS: Final = ("range", "if-range", "if-none-match", "if-match", "if-modified-since")

routes = APIRouter(
    prefix="/v1/journals/{journal_id}/artifacts",
    tags=["artifacts"],
    dependencies=signed_in,
    responses=documented(401, 404, 422, 429, 503),
)


@routes.get("", response_model=AssetPage)
async def shelf(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """The files of a journal that are finished."""
    token = bearer_token(request, "Authorization")
    path = f"/v1/journals/{journal_id}/artifacts"

    async def ask(headers: Mapping[str, str]) -> httpx.Response:
        return await owners.media.ask("GET", path, token=token, headers=headers)

    return passed_on(await asked_as_reader(request, owners, journal_id, ask))


@routes.head("/{name}", response_class=Response, responses={200: FILE, 206: FILE})
@routes.get(
    "/{name}",
    response_class=Response,
    responses={200: FILE, 206: FILE, 304: {}, **documented(416)},
)
async def download(
    journal_id: UUID,
    name: Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")],
    request: Request,
    owners: AskedOwners,
) -> Response:
    """One file, or the `Range` of it that is asked for."""
    token = bearer_token(request, "Authorization")
    path = f"/v1/journals/{journal_id}/artifacts/{name}"

    async def ask(headers: Mapping[str, str]) -> httpx.Response:
        wanted = {**picked(request, *CONDITIONS), **headers}
        return await owners.media.open(request.method, path, token=token, headers=wanted)

    return PassedOnFile(await asked_as_reader(request, owners, journal_id, ask))
