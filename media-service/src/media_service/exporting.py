"""What a user gets who asks for all that is kept of them here: rows, and every file."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Path
from fastapi.responses import StreamingResponse

from chassis.errors import NotFound
from chassis.exporting import router_of
from journal_contracts.catalogue import GATEWAY
from media_service.delivery import Span
from media_service.routes import TheBlobs, opened

QUERIES: Final = {
    "assets": "select * from asset where user_id = :user order by created_at",
    "document_uses": "select * from document_use where user_id = :user order by journal_id, name",
}

routes: Final = router_of(QUERIES, GATEWAY)


@routes.get("/{user_id}/files")
async def files(user_id: UUID, blobs: TheBlobs) -> dict[str, int]:
    """Every file of a user, by its name in their folder, with its size."""
    folder = _folder(user_id)
    sizes = await blobs.sizes(folder)
    return {key.removeprefix(folder): size for key, size in sizes.items() if size}


@routes.get("/{user_id}/files/{name:path}", response_class=StreamingResponse)
async def file(
    user_id: UUID, name: Annotated[str, Path(max_length=500)], blobs: TheBlobs
) -> StreamingResponse:
    """One of them."""
    key = f"{_folder(user_id)}{name}"
    size = (await blobs.sizes(_folder(user_id))).get(key, 0)
    if not size:
        raise NotFound("There is no such file.")
    chunks = await opened(blobs, key, Span(0, size - 1))
    return StreamingResponse(chunks, media_type="application/octet-stream")


def _folder(user_id: UUID) -> str:
    return f"users/{user_id}/"
