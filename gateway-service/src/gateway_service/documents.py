"""Documents at the door: taken in whole, within their limit, and given to the media service."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from chassis.errors import ServiceError
from chassis.identity import bearer_token
from chassis.web import body_within
from gateway_service.owners import AskedOwners, passed_on
from gateway_service.problems import documented, signed_in
from journal_contracts.api import DocumentPage, DocumentView
from journal_contracts.documents import KINDS, LARGEST, NAME

UPLOAD_SECONDS: Final = 90.0
BYTES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": f"The file itself, at most {LARGEST:,} bytes.",
        "content": {kind: {} for kind in KINDS.values()},
    }
}
Name = Annotated[
    str,
    Path(pattern=NAME, description=f"Ends in one of: {', '.join(KINDS)}.", examples=["sleep.pdf"]),
]

routes = APIRouter(
    prefix="/v1/documents",
    tags=["documents"],
    dependencies=signed_in,
    responses=documented(401, 422, 429, 503),
)


class DocumentTooLarge(ServiceError):
    """More bytes than a document may have."""

    status = 413


@routes.get("", response_model=DocumentPage)
async def shelf(request: Request, owners: AskedOwners) -> Response:
    """Your documents: an order names those that its research is to rest on."""
    token = bearer_token(request, "Authorization")
    return passed_on(await owners.media.ask("GET", "/v1/documents", token=token))


@routes.put(
    "/{name}",
    status_code=201,
    response_model=DocumentView,
    responses=documented(409, 413, 415),
    openapi_extra=BYTES,
)
async def keep(name: Name, request: Request, owners: AskedOwners) -> Response:
    """Keep a document, in the place of one of the same name.

    It is erased with the last journal that was ordered with it, or when you delete it.
    """
    token = bearer_token(request, "Authorization")
    refusal = DocumentTooLarge(f"A document has at most {LARGEST:,} bytes.")
    content = await body_within(request, LARGEST, refusal, seconds=UPLOAD_SECONDS)
    path = f"/v1/documents/{name}"
    return passed_on(await owners.media.ask("PUT", path, token=token, content=content))


@routes.delete("/{name}", status_code=204, responses=documented(404))
async def drop(name: Name, request: Request, owners: AskedOwners) -> Response:
    """Erase a document at once."""
    token = bearer_token(request, "Authorization")
    return passed_on(await owners.media.ask("DELETE", f"/v1/documents/{name}", token=token))
