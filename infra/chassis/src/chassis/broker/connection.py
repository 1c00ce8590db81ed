"""One connection to RabbitMQ a service, that comes back by itself."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import structlog
from aio_pika.exceptions import AMQPException
from faststream.rabbit import Channel, RabbitBroker
from faststream.rabbit.opentelemetry import RabbitTelemetryMiddleware

from chassis.broker import topology
from chassis.broker.saying import BrokerAway
from chassis.jobs import running

log = structlog.get_logger()

LONGEST_PAUSE = 2.0
LOOK_SECONDS = 1.0
STUCK_SECONDS = 20.0
HELLO = b"AMQP\x00\x00\x09\x01"
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
        await _hang_up(broker)
        raise BrokerAway("RabbitMQ went away while this service began to hear.") from error
    except asyncio.CancelledError:  # the service is told to leave already
        await _hang_up(broker)
        raise
    try:
        async with running("watching the broker's client", lambda: watch(broker)):
            yield
    finally:
        await broker.stop()


async def _hang_up(broker: RabbitBroker) -> None:
    with contextlib.suppress(AMQPException, OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await broker.stop()


async def watch(broker: RabbitBroker, give_up: Callable[[], object] | None = None) -> None:
    """End this process when its client does not find back to a RabbitMQ that is there.

    The client may wait for ever for an answer that was lost with its last connection. To be killed
    is what every service stands; to be deaf is not. While RabbitMQ is away itself, nothing ends.
    """
    lost = 0.0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if await broker.ping(timeout=LOOK_SECONDS) or not await _answers(broker):
            lost = 0.0
            continue
        lost += 2 * LOOK_SECONDS
        if lost >= STUCK_SECONDS:
            log.critical("broker_client_stuck", seconds=lost)
            (give_up or _die)()
            return


async def _answers(broker: RabbitBroker) -> bool:
    """Whether RabbitMQ says anything at all: it greets who greets it wrongly, and hangs up."""
    address = urlsplit(str(broker.specification.url[0]))
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            came, goes = await asyncio.open_connection(address.hostname, address.port)
            try:
                goes.write(HELLO)
                return bool(await came.read(1))
            finally:
                goes.transport.abort()
    return False


def _die() -> None:
    os._exit(os.EX_TEMPFAIL)


async def ping(broker: RabbitBroker) -> None:
    """Raises while RabbitMQ is away."""
    if not await broker.ping(timeout=1.0):
        raise ConnectionError("RabbitMQ is away")
