"""Drafts: both books in words, before they are set, for those to read who may see them."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, Response
from pydantic import ValidationError

from chassis.blobs import BadKey, BlobMissing, Blobs
from chassis.errors import NotFound, Unavailable
from chassis.identity import CurrentCaller, only_from
from journal_contracts.api import DraftParts, DraftView
from journal_contracts.artifacts import Manuscripts
from journal_contracts.catalogue import GATEWAY
from journal_contracts.drafts import EDITED_PART, with_edits
from media_service.inspection import home_of
from media_service.reading import page_of
from media_service.routes import TheBlobs

ITS_OWN_STYLE: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    "; frame-ancestors 'none'",
    "Cache-Control": "private, no-store",
}
"""A page of text with its style; whatever a model wrote, nothing in it is run."""

routes = APIRouter(
    prefix="/v1/journals/{journal_id}/draft", dependencies=[Depends(only_from(GATEWAY))]
)


class Form(StrEnum):
    """How a draft is given: for people, or for programs."""

    HTML = "html"
    JSON = "json"


@routes.post("", response_class=Response)
async def read_draft(
    journal_id: UUID,
    parts: DraftParts,
    caller: CurrentCaller,
    blobs: TheBlobs,
    form: Form = Form.HTML,
) -> Response:
    """Both books with every edit among these parts, as a page or as JSON."""
    draft = await _draft(blobs, home_of(parts.owner or caller.user_id, journal_id), parts)
    if form is Form.JSON:
        return Response(draft.model_dump_json(), media_type="application/json")
    return Response(page_of(draft), headers=ITS_OWN_STYLE, media_type="text/html")


async def _draft(blobs: Blobs, home: str, parts: DraftParts) -> DraftView:
    try:
        proof = Manuscripts.model_validate_json(await _fetch(blobs, parts.proof, home))
        edits = [EDITED_PART.validate_json(await _fetch(blobs, k, home)) for k in parts.edited]
    except (BlobMissing, BadKey, ValidationError) as error:
        raise NotFound("There is no such draft.") from error
    except httpx.HTTPError as error:
        raise Unavailable("Files cannot be read at the moment.") from error
    return DraftView(
        journal=with_edits(proof.journal, edits), lead_magnet=with_edits(proof.lead_magnet, edits)
    )


async def _fetch(blobs: Blobs, key: str, home: str) -> bytes:
    if not key.startswith(home):
        raise BadKey(key)
    return await blobs.get(key)
