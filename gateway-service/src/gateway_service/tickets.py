"""Tickets: for clients that cannot say a token where it belongs; good for half a minute, once.

What Redis keeps is sealed with the ticket itself, and lies under a digest of it: whoever reads
Redis has neither the ticket nor the token.
"""

import base64
import hashlib
import secrets
from typing import Final

from cryptography.fernet import Fernet
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.errors import Unauthorized, Unavailable

SECONDS: Final = 30


class TicketsAway(Unavailable):
    """Tickets can neither be given nor taken while Redis is away; tokens can."""


class Tickets:
    """Given for a token, and taken for it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def give(self, token: str) -> str:
        """A ticket in the place of a token that has been verified. Raises `TicketsAway`."""
        ticket = secrets.token_urlsafe(32)
        sealed = _seal(ticket).encrypt(token.encode())
        try:
            await self._redis.set(_place(ticket), sealed, ex=SECONDS)
        except (RedisError, OSError) as error:
            raise TicketsAway("There are no tickets at the moment.") from error
        return ticket

    async def take(self, ticket: str) -> str:
        """The token; raises `Unauthorized` for a ticket that is unknown, used or too old."""
        try:
            sealed = await self._redis.getdel(_place(ticket))
        except (RedisError, OSError) as error:
            raise TicketsAway("Tickets cannot be checked at the moment.") from error
        if sealed is None:
            raise Unauthorized("This ticket does not hold.")
        return _seal(ticket).decrypt(sealed).decode()


def _place(ticket: str) -> str:
    return f"ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"


def _seal(ticket: str) -> Fernet:
    key = hashlib.sha256(b"seal:" + ticket.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
