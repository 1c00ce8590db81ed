"""What the orchestrator answers about webhooks: for those who integrate over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from chassis.identity import CurrentCaller, RecentCaller, only_from
from journal_contracts.catalogue import GATEWAY
from journal_contracts.webhooks import (
    DeliveryPage,
    DeliveryView,
    NewWebhook,
    WebhookOrder,
    WebhookPage,
    WebhookView,
)
from orchestrator_service.webhooks import Webhooks

router = APIRouter(
    prefix="/v1/webhooks", tags=["webhooks"], dependencies=[Depends(only_from(GATEWAY))]
)


def _webhooks(request: Request) -> Webhooks:
    found: Webhooks = request.app.state.webhooks
    return found


Told = Annotated[Webhooks, Depends(_webhooks)]


@router.post("", status_code=201)
async def add_webhook(order: WebhookOrder, caller: RecentCaller, told: Told) -> NewWebhook:
    """Tell an address of events: that outlasts a stolen session."""
    return await told.add(caller.user_id, order)


@router.get("")
async def list_webhooks(caller: CurrentCaller, told: Told) -> WebhookPage:
    """The caller's webhooks."""
    return await told.page(caller.user_id)


@router.post("/{webhook_id}/enable")
async def enable_webhook(webhook_id: UUID, caller: CurrentCaller, told: Told) -> WebhookView:
    """Tell it again."""
    return await told.enable(caller.user_id, webhook_id)


@router.delete("/{webhook_id}", status_code=204)
async def remove_webhook(webhook_id: UUID, caller: CurrentCaller, told: Told) -> None:
    """Forget it."""
    await told.remove(caller.user_id, webhook_id)


@router.get("/{webhook_id}/deliveries")
async def list_deliveries(webhook_id: UUID, caller: CurrentCaller, told: Told) -> DeliveryPage:
    """What it was told, and is to be told."""
    return await told.deliveries(caller.user_id, webhook_id)


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", status_code=202)
async def deliver_again(
    webhook_id: UUID, delivery_id: UUID, caller: CurrentCaller, told: Told
) -> DeliveryView:
    """Send one once more."""
    return await told.deliver_again(caller.user_id, webhook_id, delivery_id)
