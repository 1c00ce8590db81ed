"""When an account is gone, whoever keeps anything of its user erases that, and confirms it.

A crash anywhere leaves the message unacknowledged: it comes again, and so does the erasing.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from faststream.rabbit import RabbitBroker

from chassis.broker import hear, say
from chassis.ids import now
from journal_contracts.events import UserDeleted, UserErased

log = structlog.get_logger()

Erase = Callable[[UUID], Awaitable[None]]
"""Leaves nothing of a user behind, however often it is called."""


def hear_deletions(broker: RabbitBroker, service: str, erase: Erase) -> None:
    """Erase whatever this service keeps of users whose accounts are gone."""

    async def handle(deleted: UserDeleted) -> None:
        user_id = deleted.user_id
        await erase(user_id)
        erased = UserErased(user_id=user_id, service=service, round=deleted.round, at=now())
        await say(broker, erased, subject=str(user_id))
        log.warning("user_erased", audit=True, user_id=str(user_id), round=deleted.round)

    hear(broker, service, UserDeleted, handle, prefetch=1)
