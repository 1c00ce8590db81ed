"""One connection to RabbitMQ a service, that comes back by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from aio_pika.exceptions import AMQPException
from faststream.rabbit import Channel, RabbitBroker
from faststream.rabbit.opentelemetry import RabbitTelemetryMiddleware

from chassis.broker import topology
from chassis.broker.saying import BrokerAway

log = structlog.get_logger()

LONGEST_PAUSE = 2.0
START_SECONDS = 20.0
"""For declaring and subscribing: lost meanwhile, a connection may leave its client waiting."""


def connect(service: str, url: str) -> RabbitBroker:
    """A broker to hear and to speak with; nothing connects before `open_broker`."""
    return RabbitBroker(
        url,
        app_id=service,
        reconnect_interval=0.5,
        graceful_timeout=10.0,
        default_channel=Channel(on_return_raises=True),
        middlewares=[RabbitTelemetryMiddleware()],
        logger=None,
    )


@contextlib.asynccontextmanager
async def open_broker(broker: RabbitBroker) -> AsyncIterator[None]:
    """Connect, however long RabbitMQ takes to come up; declare everything; start hearing.

    Raises `BrokerAway` where it goes away in the midst of that: whoever keeps the process starts it
    anew.
    """
    pause = 0.1
    while True:
        try:
            await broker.connect()
            break
        except (AMQPException, OSError) as error:
            log.warning("broker_away", error=type(error).__name__, again_in_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
    try:
        async with asyncio.timeout(START_SECONDS):
            await topology.declare(broker)
            await broker.start()
    except (AMQPException, OSError, RuntimeError, TimeoutError) as error:
        raise BrokerAway("RabbitMQ went away while this service began to hear.") from error
    try:
        yield
    finally:
        await broker.stop()


async def ping(broker: RabbitBroker) -> None:
    """Raises while RabbitMQ is away."""
    if not await broker.ping(timeout=1.0):
        raise ConnectionError("RabbitMQ is away")
