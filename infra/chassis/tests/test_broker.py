"""Saying and hearing on a real RabbitMQ (R9.1a, R9.1d)."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import aio_pika
import pytest
from faststream.rabbit import RabbitBroker

from chassis.broker import connect, declare, hear, open_broker, say, topology
from chassis.broker.hearing import REASON
from chassis.ids import now
from journal_contracts.catalogue import MEDIA
from journal_contracts.commands import RegisterAssets
from journal_contracts.events import CraftDeleted

STEP = {"journal_id": UUID(int=1), "user_id": UUID(int=2), "phase": "delivery"}
PATIENCE = 20


def command(number: int = 1) -> RegisterAssets:
    return RegisterAssets(**STEP, attempt=number, editions="users/2/journals/1/x.json")


@pytest.fixture
async def raw(amqp_url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """A connection that knows nothing of ours; the queues under test are emptied first."""
    broker = connect("tests", amqp_url)
    async with open_broker(broker):
        pass
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        for name in (
            f"{MEDIA}.{RegisterAssets.name}",
            f"{MEDIA}.{CraftDeleted.name}",
            f"{MEDIA}.dead",
        ):
            await (await channel.get_queue(name, ensure=False)).purge()
        yield channel


@pytest.fixture
def broker(amqp_url: str) -> RabbitBroker:
    return connect(MEDIA, amqp_url)


async def test_declaring_twice_changes_nothing(broker: RabbitBroker) -> None:
    async with open_broker(broker):
        await declare(broker)


async def test_an_event_travels_in_a_whole_envelope(
    broker: RabbitBroker, raw: aio_pika.abc.AbstractChannel
) -> None:
    queue = await raw.declare_queue(exclusive=True)
    await queue.bind("events", CraftDeleted.name)
    event = CraftDeleted(journal_id=UUID(int=1), user_id=UUID(int=2), n=3, at=now(), percent=4)
    async with open_broker(broker):
        await say(broker, event, subject="1")
    message = await queue.get(timeout=PATIENCE)
    assert message is not None
    await (await raw.get_queue(f"{MEDIA}.{CraftDeleted.name}", ensure=False)).purge()

    assert CraftDeleted.model_validate_json(message.body) == event
    assert message.type == CraftDeleted.name
    assert message.app_id == MEDIA
    assert message.correlation_id == "1"
    assert UUID(message.message_id or "").version == 7
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.headers["cloudEvents:type"] == CraftDeleted.name
    assert message.headers["cloudEvents:id"] == message.message_id


async def test_what_is_no_such_message_is_buried_and_the_queue_moves_on(
    broker: RabbitBroker, raw: aio_pika.abc.AbstractChannel
) -> None:
    heard: asyncio.Queue[RegisterAssets] = asyncio.Queue()
    hear(broker, MEDIA, RegisterAssets, heard.put)
    commands = await raw.get_exchange("commands")
    await commands.publish(aio_pika.Message(b"not json"), RegisterAssets.name)

    async with open_broker(broker):
        await say(broker, command())
        good = await asyncio.wait_for(heard.get(), PATIENCE)

    dead = await (await raw.get_queue(f"{MEDIA}.dead")).get(timeout=PATIENCE)
    assert good == command()
    assert dead is not None
    assert (dead.body, dead.headers[REASON]) == (b"not json", "unreadable")


async def test_a_handler_that_fails_is_tried_again_and_its_message_buried_at_last(
    broker: RabbitBroker, raw: aio_pika.abc.AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "RUNGS", (1,))
    tries = 0

    async def fail(body: RegisterAssets) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("no luck")

    hear(broker, MEDIA, RegisterAssets, fail)
    async with open_broker(broker):
        await say(broker, command())
        graveyard = await raw.get_queue(f"{MEDIA}.dead")
        async with asyncio.timeout(PATIENCE):
            while (dead := await graveyard.get(fail=False)) is None:
                await asyncio.sleep(0.05)

    assert tries == 2
    assert dead.headers[REASON] == "out_of_tries"


async def test_no_more_is_taken_than_was_asked_for(
    broker: RabbitBroker, raw: aio_pika.abc.AbstractChannel
) -> None:
    taken: asyncio.Queue[int] = asyncio.Queue()
    free = asyncio.Event()

    async def work(body: RegisterAssets) -> None:
        await taken.put(body.attempt)
        await free.wait()

    hear(broker, MEDIA, RegisterAssets, work, prefetch=2)
    async with open_broker(broker):
        for number in range(1, 7):
            await say(broker, command(number))
        first = [await asyncio.wait_for(taken.get(), PATIENCE) for _ in range(2)]
        waiting = await raw.declare_queue(f"{MEDIA}.{RegisterAssets.name}", passive=True)
        still = taken.qsize()
        free.set()
        rest = [await asyncio.wait_for(taken.get(), PATIENCE) for _ in range(4)]

    assert still == 0
    assert waiting.declaration_result.message_count == 4
    assert sorted(first + rest) == [1, 2, 3, 4, 5, 6]
