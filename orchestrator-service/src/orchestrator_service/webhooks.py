"""Webhooks: whom a user lets us tell, over HTTP, what happens to journals they may see.

An event becomes a row for each webhook that wants it; rows are sent with pauses that grow, until
they are taken or given up. A webhook that fails again and again is disabled, and its user sees so.
"""

import base64
import secrets
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text

from chassis.database import Database
from chassis.errors import Conflict, NotFound, ServiceError
from chassis.ids import new_id
from journal_contracts.webhooks import (
    DeliveryPage,
    DeliveryView,
    NewWebhook,
    WebhookOrder,
    WebhookPage,
    WebhookView,
)
from orchestrator_service.posting import SECRET_PREFIX, AddressRefused, Post

MOST: Final = 10
"""Of one user."""
SHOWN: Final = 100
SECRET_BYTES: Final = 24

ADD: Final = text("""
    insert into webhook (id, user_id, url, events, secret)
    select :id, :user, :url, cast(:events as text[]), :secret
     where (select count(*) from webhook where user_id = :user) < :most
    returning id, url, events, created_at, failures, disabled_at
""")
ALL: Final = text("""
    select id, url, events, created_at, failures, disabled_at from webhook
     where user_id = :user order by id
""")
ENABLE: Final = text("""
    update webhook set disabled_at = null, failures = 0 where id = :id and user_id = :user
    returning id, url, events, created_at, failures, disabled_at
""")
REMOVE: Final = text("delete from webhook where id = :id and user_id = :user returning id")
OWNED: Final = text("select disabled_at from webhook where id = :id and user_id = :user")
DELIVERIES: Final = text("""
    select d.id, event, journal_id, state, attempts, due_at, last_status, last_error, d.created_at
      from delivery d where webhook_id = :id order by d.created_at desc, d.id limit :most
""")
AGAIN: Final = text("""
    update delivery set state = 'waiting', attempts = 0, due_at = clock_timestamp()
     where id = :delivery and webhook_id = :id
    returning id, event, journal_id, state, attempts, due_at, last_status, last_error, created_at
""")
LOCK: Final = text("select pg_advisory_xact_lock(hashtextextended(:user, 9))")


class UrlRefused(ServiceError):
    """The address is none that may be told."""

    status = 422


class TooManyWebhooks(Conflict):
    """A user has only so many."""


class WebhookDisabled(Conflict):
    """It failed too often: enable it first."""


class Webhooks:
    """Everybody's."""

    def __init__(self, database: Database, post: Post) -> None:
        self._database = database
        self._post = post

    async def add(self, user_id: UUID, order: WebhookOrder) -> NewWebhook:
        """Tell this address of these events from now on; its secret is shown this once."""
        try:
            self._post.check(order.url)
        except AddressRefused as refused:
            raise UrlRefused(str(refused)) from refused
        secret = secrets.token_bytes(SECRET_BYTES)
        told = {"id": new_id(), "user": user_id, "url": order.url, "events": sorted(order.events)}
        async with self._database.transaction() as session:
            await session.execute(LOCK, {"user": str(user_id)})
            row = await session.execute(ADD, {**told, "secret": secret, "most": MOST})
            added = row.mappings().one_or_none()
        if added is None:
            raise TooManyWebhooks(f"You have {MOST} webhooks already.")
        shown = f"{SECRET_PREFIX}{base64.b64encode(secret).decode()}"
        return NewWebhook.model_validate({**added, "secret": shown})

    async def page(self, user_id: UUID) -> WebhookPage:
        """All of a user."""
        rows = await self._rows(ALL, user=user_id)
        return WebhookPage(items=tuple(map(WebhookView.model_validate, rows)))

    async def enable(self, user_id: UUID, id_: UUID) -> WebhookView:
        """Tell it again, as if nothing had failed; what was given up stays so until it is sent
        again."""
        return WebhookView.model_validate(await self._one(ENABLE, id=id_, user=user_id))

    async def remove(self, user_id: UUID, id_: UUID) -> None:
        """Forget it, with all that was to be told."""
        await self._one(REMOVE, id=id_, user=user_id)

    async def deliveries(self, user_id: UUID, id_: UUID) -> DeliveryPage:
        """The newest of one webhook."""
        await self._one(OWNED, id=id_, user=user_id)
        rows = await self._rows(DELIVERIES, id=id_, most=SHOWN)
        return DeliveryPage(items=tuple(map(DeliveryView.model_validate, rows)))

    async def deliver_again(self, user_id: UUID, id_: UUID, delivery: UUID) -> DeliveryView:
        """Send one once more, with all its tries."""
        webhook = await self._one(OWNED, id=id_, user=user_id)
        if webhook["disabled_at"] is not None:
            raise WebhookDisabled("It failed too often: enable it first.")
        return DeliveryView.model_validate(await self._one(AGAIN, id=id_, delivery=delivery))

    async def _one(self, query: TextClause, **told: Any) -> Mapping[str, Any]:
        rows = await self._rows(query, **told)
        if not rows:
            raise NotFound("There is no such webhook or delivery.")
        return rows[0]

    async def _rows(self, query: TextClause, **told: Any) -> list[dict[str, Any]]:
        async with self._database.transaction() as session:
            return [dict(row) for row in (await session.execute(query, told)).mappings()]
