"""Journals at the door: asked of the orchestrator, which owns them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from chassis.errors import ServiceError
from chassis.identity import bearer_token
from gateway_service.bodies import StrictRoute
from gateway_service.idempotency import AskedOnce, IdempotencyKey
from gateway_service.owners import AskedOwners, Owners, OwnerUnavailable, passed_on
from gateway_service.problems import documented, signed_in
from journal_contracts.api import (
    Answer,
    AnswerResult,
    DocumentPage,
    Extension,
    HandOver,
    HistoryPage,
    JournalOrder,
    JournalPage,
    JournalView,
    PauseOrder,
    RetryOrder,
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


@routes.post("", status_code=202, response_model=JournalView, responses=documented(409, 413))
async def order(
    order: JournalOrder, request: Request, owners: AskedOwners, once: AskedOnce
) -> Response:
    """Order a journal. The same `Idempotency-Key` with the same body orders it once.

    422 `theme_refused` for what no book is made of; its detail is for the user to read.
    """

    async def ask() -> Response:
        await _check_documents(request, owners, order)
        return await _post(request, owners, "", order, once.key)

    return await once(ask)


@routes.get("", response_model=JournalPage)
async def shelf(
    request: Request,
    owners: AskedOwners,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Your journals, newest first."""
    params: dict[str, str | int] = {"limit": limit}
    if cursor is not None:
        params["cursor"] = cursor
    token = bearer_token(request, "Authorization")
    return passed_on(
        await owners.orchestrator.ask("GET", "/v1/journals", token=token, params=params)
    )


@routes.get("/{journal_id}", response_model=JournalView, responses=documented(404))
async def journal(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """A journal, as it stands."""
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
    "/{journal_id}/cancel",
    status_code=202,
    response_model=JournalView,
    responses=documented(404, 409),
)
async def cancel(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Stop a journal; what was made so far is kept."""
    return await _post(request, owners, f"/{journal_id}/cancel")


@routes.post(
    "/{journal_id}/pause",
    status_code=202,
    response_model=JournalView,
    responses=documented(404, 409),
)
async def pause(
    journal_id: UUID, request: Request, owners: AskedOwners, order: PauseOrder | None = None
) -> Response:
    """Let a journal stand still: no step begins, no default is taken."""
    return await _post(request, owners, f"/{journal_id}/pause", order or PauseOrder())


@routes.post(
    "/{journal_id}/resume",
    status_code=202,
    response_model=JournalView,
    responses=documented(404, 409),
)
async def resume(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Go on with a paused journal."""
    return await _post(request, owners, f"/{journal_id}/resume")


@routes.post(
    "/{journal_id}/retry",
    status_code=202,
    response_model=JournalView,
    responses=documented(404, 409),
)
async def retry(
    journal_id: UUID,
    request: Request,
    owners: AskedOwners,
    once: AskedOnce,
    order: RetryOrder | None = None,
) -> Response:
    """Take up a journal that ended or failed, at a phase or where it stood."""
    path = f"/{journal_id}/retry"
    return await once(lambda: _post(request, owners, path, order or RetryOrder()))


@routes.delete("/{journal_id}", status_code=204, responses=documented(404, 409))
async def delete(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Delete a journal with everything made for it."""
    token = bearer_token(request, "Authorization")
    return passed_on(
        await owners.orchestrator.ask("DELETE", f"/v1/journals/{journal_id}", token=token)
    )


@routes.post(
    "/{journal_id}/decisions/{decision_id}",
    response_model=AnswerResult,
    responses=documented(404, 409, 410, 413),
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
    responses=documented(404, 409),
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
    responses=documented(404, 409),
)
async def hand_over(
    journal_id: UUID,
    decision_id: Annotated[str, Path(pattern=DECISION_ID)],
    order: HandOver,
    request: Request,
    owners: AskedOwners,
) -> Response:
    """Let somebody else answer a decision too."""
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
    token = bearer_token(request, "Authorization")
    path = f"/v1/journals{path}"
    return passed_on(await owners.orchestrator.ask("GET", path, token=token, params=params))


async def _post(
    request: Request,
    owners: Owners,
    path: str,
    body: BaseModel | None = None,
    idempotency_key: str | None = None,
) -> Response:
    answer = await owners.orchestrator.ask(
        "POST",
        f"/v1/journals{path}",
        token=bearer_token(request, "Authorization"),
        body=body,
        headers={"Idempotency-Key": idempotency_key} if idempotency_key else None,
    )
    return passed_on(answer)
