"""How a client is parted with: what happened, as a close code and whether to come back."""

from typing import Final

import structlog
from aio_pika.exceptions import AMQPException
from redis.exceptions import RedisError

from chassis.errors import Unauthorized, Unavailable
from chassis.sockets import Gone
from gateway_service.connection import End, later

log = structlog.get_logger()

TOKEN_EXPIRED: Final = End(4401)
GONE: Final = End(1000)
AWAY: Final = (RedisError, AMQPException, ConnectionError, TimeoutError, Unavailable)
"""What says that something we need is away for the moment."""


class Ended(Exception):
    """The client is to go; it is told why."""

    def __init__(self, why: End) -> None:
        super().__init__(why)
        self.why = why


def end_of(error: Exception) -> End:
    """How a talk ends to which this happened."""
    if isinstance(error, Ended):
        return error.why
    if isinstance(error, Gone):
        return GONE
    if isinstance(error, Unauthorized):
        return TOKEN_EXPIRED
    if isinstance(error, AWAY):
        log.warning("client_cut", error=type(error).__name__)
        return later(1013)
    log.error("client_failed", exc_info=error)
    return later(1011)
