"""Webhooks at the door: asked of the orchestrator, which tells them."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, asked
from gateway_service.problems import documented, signed_in
from journal_contracts.webhooks import (
    DeliveryPage,
    DeliveryView,
    NewWebhook,
    WebhookOrder,
    WebhookPage,
    WebhookView,
)

routes = APIRouter(
    prefix="/v1/webhooks",
    tags=["webhooks"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 422, 429, 503),
)


@routes.post("", status_code=201, response_model=NewWebhook, responses=documented(409, 413))
async def add(order: WebhookOrder, request: Request, owners: AskedOwners) -> Response:
    """Be told of events at an address of yours, signed as Standard Webhooks say.

    The secret is shown this once. What is not answered with 2xx is told again, later and later,
    for two days; after 20 failures in a row the webhook is disabled until you enable it.
    """
    return await asked(request, owners.orchestrator, "POST", "/v1/webhooks", body=order)


@routes.get("", response_model=WebhookPage)
async def webhooks(request: Request, owners: AskedOwners) -> Response:
    """Your webhooks."""
    return await asked(request, owners.orchestrator, "GET", "/v1/webhooks")


@routes.post("/{webhook_id}/enable", response_model=WebhookView, responses=documented(404))
async def enable(webhook_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Be told again at an address that had failed too often."""
    return await asked(request, owners.orchestrator, "POST", f"/v1/webhooks/{webhook_id}/enable")


@routes.delete("/{webhook_id}", status_code=204, responses=documented(404))
async def remove(webhook_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Be told nothing there any more."""
    return await asked(request, owners.orchestrator, "DELETE", f"/v1/webhooks/{webhook_id}")


@routes.get("/{webhook_id}/deliveries", response_model=DeliveryPage, responses=documented(404))
async def deliveries(webhook_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """The newest 100 things that were told there, or are to be told."""
    path = f"/v1/webhooks/{webhook_id}/deliveries"
    return await asked(request, owners.orchestrator, "GET", path)


@routes.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    response_model=DeliveryView,
    responses=documented(404, 409),
)
async def deliver_again(
    webhook_id: UUID, delivery_id: UUID, request: Request, owners: AskedOwners
) -> Response:
    """Have one told once more, with all its tries."""
    path = f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"
    return await asked(request, owners.orchestrator, "POST", path)
