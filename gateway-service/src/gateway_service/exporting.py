"""Everything that is kept of somebody, as one zip: each owner tells of its own, here it is joined.

All rows are asked for first, of all at once, so that an owner who is away is a refusal and no torn
archive. Files go through piece by piece; an archive that breaks off has no end, and no program
takes it for whole.
"""

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from chassis.errors import NotFound
from chassis.identity import CurrentCaller, bearer_token
from chassis.ids import now
from gateway_service.accounts import proven
from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, Owner, Owners, OwnerUnavailable, passed_on
from gateway_service.problems import documented
from journal_contracts.sessions import ExportOrder

ZIP: Final = "application/zip"
README: Final = """Everything that Journal Craft Crew keeps of you, as it was at {at}.

auth-service.json           your account, its sessions, which keys there are, what was done to it
orchestrator-service.json   your journals with their whole history, tags, webhooks, usage
agent-workers.json          what models were asked for you, what they replied and cost
media-service.json          the list of your files
files/                      the files: books, pictures, drafts, and the documents you gave us

Times are in UTC. What a service keeps for moments only, such as limits, is not in here.
"""

routes = APIRouter(
    prefix="/v1/auth",
    tags=["accounts"],
    route_class=StrictRoute,
    dependencies=proven,
    responses=documented(401, 413, 422, 429, 503),
)


@routes.post(
    "/export",
    response_class=Response,
    responses={200: {"content": {ZIP: {}}, "description": "A zip of JSON and files"}},
)
async def export(
    order: ExportOrder, request: Request, caller: CurrentCaller, owners: AskedOwners
) -> Response:
    """Everything that is kept of you, as a zip, for your password."""
    token = bearer_token(request, "Authorization")
    own = await owners.auth.ask("POST", "/v1/auth/export", token=token, body=order)
    if own.is_error:
        return passed_on(own)
    rows, listed = await asyncio.gather(
        _rows(owners, caller.user_id),
        _told(owners.media, f"/v1/exports/{caller.user_id}/files"),
    )
    rows = {"auth-service": own.content, **rows}
    archive = _archive(rows, json.loads(listed), owners.media, caller.user_id)
    headers = {
        "Content-Disposition": 'attachment; filename="journal-craft-crew.zip"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(archive, headers=headers, media_type=ZIP)


async def _rows(owners: Owners, user_id: UUID) -> dict[str, bytes]:
    asked = {
        "orchestrator-service": owners.orchestrator,
        "agent-workers": owners.workers,
        "media-service": owners.media,
    }
    path = f"/v1/exports/{user_id}"
    told = await asyncio.gather(*(_told(owner, path) for owner in asked.values()))
    return dict(zip(asked, told, strict=True))


async def _told(owner: Owner, path: str) -> bytes:
    """In this service's own name: whose export it is was proved before."""
    answer = await owner.ask("GET", path)
    if answer.is_error:
        raise OwnerUnavailable(owner.name)
    return answer.content


async def _archive(
    rows: Mapping[str, bytes], files: Mapping[str, int], media: Owner, user_id: UUID
) -> AsyncIterator[bytes]:
    out = _Out()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README.format(at=now().isoformat(timespec="seconds")))
        for name, content in rows.items():
            archive.writestr(f"{name}.json", content)
            yield out.taken()
        for name in files:
            answer = await media.open(
                "GET", f"/v1/exports/{user_id}/files/{quote(name)}", headers={}
            )
            try:
                if answer.status_code == NotFound.status:
                    continue  # it was erased meanwhile
                if answer.is_error:
                    raise OwnerUnavailable(media.name)
                with archive.open(zipfile.ZipInfo(f"files/{name}"), "w") as entry:
                    async for chunk in answer.aiter_raw():
                        entry.write(chunk)
                        yield out.taken()
            finally:
                await answer.aclose()
    yield out.taken()


class _Out:
    """What a zip is written to that leaves at once: nothing here is ever gone back to."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, some: bytes) -> int:
        self._written += some
        return len(some)

    def flush(self) -> None:
        """There is nothing in between."""

    def close(self) -> None:
        """Whoever takes what was written takes the last of it too."""

    def taken(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken
