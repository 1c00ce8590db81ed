"""Journals at the door: asked of the orchestrator, which owns them."""

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from chassis.errors import NotFound, ServiceError
from chassis.identity import bearer_token
from gateway_service.bodies import StrictRoute
from gateway_service.idempotency import AskedOnce, IdempotencyKey
from gateway_service.owners import AskedOwners, Owners, OwnerUnavailable, asked
from gateway_service.problems import documented, signed_in
from journal_contracts.api import (
    LONGEST_CURSOR,
    Answer,
    AnswerResult,
    DocumentPage,
    Extension,
    HandOver,
    HistoryPage,
    JournalOrder,
    JournalPage,
    JournalView,
    SearchText,
    Sort,
    Status,
    Tag,
)

DECISION_ID: Final = r"^[a-z][a-z0-9_-]{0,39}$"
MOST_TRANSITIONS: Final = 2**31 - 1
SVG: Final[dict[str, Any]] = {"content": {"image/svg+xml": {}}}
routes = APIRouter(
    prefix="/v1/journals",
    tags=["journals"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 422, 429, 503),
)


@routes.post("", status_code=202, response_model=JournalView, responses=documented(409, 410, 413))
async def order(
    order: JournalOrder, request: Request, owners: AskedOwners, once: AskedOnce
) -> Response:
    """Order a journal. The same `Idempotency-Key` with the same body orders it once.

    410 `journal_deleted` where that journal was deleted since: another takes another key.
    422 `theme_refused` for what no book is made of; its detail is for the user to read.
    """

    async def ask() -> Response:
        await _check_documents(request, owners, order)
        return await _post(request, owners, "", order, once.key)

    async def is_there(answer: Response) -> bool:
        token = bearer_token(request, "Authorization")
        with contextlib.suppress(OwnerUnavailable):  # the first answer is better than none
            found = await owners.orchestrator.ask("GET", answer.headers["location"], token=token)
            return found.status_code != NotFound.status
        return True

    return await once(ask, stands=is_there)


@routes.get("", response_model=JournalPage)
async def shelf(
    request: Request,
    owners: AskedOwners,
    *,
    cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    status: Annotated[tuple[Status, ...], Query(max_length=5)] = (),
    q: Annotated[SearchText, Query(description="Text of the theme or title.")] = "",
    sort: Sort = "newest",
    tag: Tag | None = None,
) -> Response:
    """Your journals, page by page: `next` is the `cursor` of the following page.

    What is ordered meanwhile moves nothing on later pages. A cursor belongs to its list: 422
    `cursor_unknown` with another `status`, `q`, `sort` or `tag`.
    """
    told = {
        "limit": limit,
        "cursor": cursor,
        "status": list(status),
        "q": q,
        "sort": sort,
        "tag": tag,
    }
    params = {name: value for name, value in told.items() if value}
    return await asked(request, owners.orchestrator, "GET", "/v1/journals", params=params)


@routes.get("/{journal_id}", response_model=JournalView, responses=documented(404))
async def journal(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """A journal, as it stands; its `ETag` goes into `If-Match` of what rests on it."""
    return await _get(request, owners, f"/{journal_id}")


@routes.get("/{journal_id}/history", response_model=HistoryPage, responses=documented(404))
async def history(
    journal_id: UUID,
    request: Request,
    owners: AskedOwners,
    cursor: Annotated[int, Query(ge=0, le=MOST_TRANSITIONS)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> Response:
    """Everything that ever happened to a journal, in order: `limit` transitions after `cursor`."""
    params = {"cursor": cursor, "limit": limit}
    return await _get(request, owners, f"/{journal_id}/history", params)


@routes.get("/{journal_id}/history/{seq}", response_model=JournalView, responses=documented(404))
async def journal_at(
    journal_id: UUID,
    seq: Annotated[int, Path(ge=1, le=MOST_TRANSITIONS)],
    request: Request,
    owners: AskedOwners,
) -> Response:
    """A journal as it stood right after a transition."""
    return await _get(request, owners, f"/{journal_id}/history/{seq}")


@routes.get(
    "/{journal_id}/picture", response_class=Response, responses={200: SVG, **documented(404)}
)
async def picture(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """The plan of a journal as a picture, with how far each part of it is."""
    return await _get(request, owners, f"/{journal_id}/picture")


@routes.post(
    "/{journal_id}/decisions/{decision_id}",
    response_model=AnswerResult,
    responses=documented(403, 404, 409, 410, 413),
)
async def decide(
    journal_id: UUID,
    decision_id: Annotated[str, Path(pattern=DECISION_ID)],
    answer: Answer,
    *,
    request: Request,
    owners: AskedOwners,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answer a decision. 409 and 410 tell in `choice` and `chosen_by` what holds instead."""
    path = f"/{journal_id}/decisions/{decision_id}"
    return await _post(request, owners, path, answer, idempotency_key)


@routes.post(
    "/{journal_id}/decisions/{decision_id}/extend",
    response_model=JournalView,
    responses=documented(403, 404, 409),
)
async def extend(
    journal_id: UUID,
    decision_id: Annotated[str, Path(pattern=DECISION_ID)],
    more: Extension,
    request: Request,
    owners: AskedOwners,
) -> Response:
    """Give a decision more time."""
    path = f"/{journal_id}/decisions/{decision_id}/extend"
    return await _post(request, owners, path, more)


@routes.post(
    "/{journal_id}/decisions/{decision_id}/hand-over",
    response_model=JournalView,
    responses=documented(403, 404, 409),
)
async def hand_over(
    journal_id: UUID,
    decision_id: Annotated[str, Path(pattern=DECISION_ID)],
    order: HandOver,
    request: Request,
    owners: AskedOwners,
) -> Response:
    """Let somebody else answer a decision too: who has this id, or this address and accepts."""
    path = f"/{journal_id}/decisions/{decision_id}/hand-over"
    return await _post(request, owners, path, order)


class DocumentUnknown(ServiceError):
    """The order names a document that its user does not have."""

    status = 422


async def _check_documents(request: Request, owners: Owners, order: JournalOrder) -> None:
    if not order.documents:
        return
    token = bearer_token(request, "Authorization")
    answer = await owners.media.ask("GET", "/v1/documents", token=token)
    if answer.status_code != httpx.codes.OK:
        raise OwnerUnavailable(owners.media.name)
    kept = {item.name for item in DocumentPage.model_validate_json(answer.content).items}
    if missing := [name for name in order.documents if name not in kept]:
        raise DocumentUnknown(f"These are not among your documents: {', '.join(missing)}.")


async def _get(
    request: Request, owners: Owners, path: str, params: Mapping[str, int] | None = None
) -> Response:
    path = f"/v1/journals{path}"
    return await asked(request, owners.orchestrator, "GET", path, params=params)


async def _post(
    request: Request,
    owners: Owners,
    path: str,
    body: BaseModel,
    idempotency_key: str | None = None,
) -> Response:
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
    path = f"/v1/journals{path}"
    return await asked(request, owners.orchestrator, "POST", path, body=body, headers=headers)
