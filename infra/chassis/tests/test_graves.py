"""Dead letters are read from a real RabbitMQ and sent back to it (R9.1d)."""

import asyncio
import uuid
from dataclasses import replace

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from faststream.rabbit import RabbitBroker

from chassis.broker import (
    DeadLetter,
    QueueGone,
    connect,
    hear,
    hear_the_dead,
    open_broker,
    say,
    send_back,
    topology,
)
from chassis.broker.graves import REDRIVES, read
from chassis.broker.hearing import Delivery
from chassis.ids import new_id
from journal_contracts.catalogue import MEDIA
from journal_contracts.commands import RegisterAssets

from .test_broker import HEARD, PATIENCE, command

PARENT = "00-11111111111111111111111111111111-2222222222222222-01"


@pytest.fixture
def broker(amqp_url: str) -> RabbitBroker:
    return connect(MEDIA, amqp_url)


@pytest.fixture
def kept(broker: RabbitBroker) -> asyncio.Queue[DeadLetter]:
    """What the reader of all graves was given."""
    kept: asyncio.Queue[DeadLetter] = asyncio.Queue()
    hear_the_dead(broker, kept.put)
    return kept


async def next_of(kept: asyncio.Queue[DeadLetter]) -> DeadLetter:
    return await asyncio.wait_for(kept.get(), PATIENCE)


async def test_what_cannot_be_read_is_kept_with_all_that_is_known_of_it(
    broker: RabbitBroker, raw: AbstractChannel, kept: asyncio.Queue[DeadLetter]
) -> None:
    hear(broker, MEDIA, RegisterAssets, _never)
    strange = aio_pika.Message(
        b"\xff\0", message_id="strange", correlation_id="1", headers={"traceparent": PARENT}
    )
    commands = await raw.get_exchange("commands")

    async with open_broker(broker):
        await commands.publish(strange, RegisterAssets.name)
        letter = await next_of(kept)

    assert letter.id.version == 7
    assert letter == DeadLetter(
        id=letter.id,
        service=MEDIA,
        queue=HEARD,
        name=RegisterAssets.name,
        reason="unreadable",
        error="ValidationError",
        tries=1,
        redrives=0,
        body=b"\xff\0",
        message_id="strange",
        subject="1",
        headers=letter.headers,
    )
    assert "traceparent" in letter.headers
    assert not [name for name in letter.headers if name.startswith(("x-jcc", "x-death"))]


async def test_a_letter_sent_back_begins_a_new_life_and_remembers_how_often(
    broker: RabbitBroker,
    raw: AbstractChannel,
    kept: asyncio.Queue[DeadLetter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topology, "RUNGS", (1,))
    tries = 0

    async def fail(body: RegisterAssets) -> None:
        nonlocal tries
        tries += 1
        raise LookupError("no luck")

    hear(broker, MEDIA, RegisterAssets, fail)
    message_id = new_id()
    async with open_broker(broker):
        await say(broker, command(), message_id=message_id, subject="1")
        first = await next_of(kept)
        await send_back(broker, first)
        second = await next_of(kept)

    assert (first.reason, first.error, first.tries) == ("out_of_tries", "LookupError", 2)
    assert tries == 4
    assert second.id != first.id
    assert replace(second, id=first.id, redrives=0, headers={}) == replace(first, headers={})
    assert (second.redrives, second.message_id) == (1, str(message_id))


async def test_what_kills_its_readers_is_buried_by_the_broker_and_known_again(
    broker: RabbitBroker,
    raw: AbstractChannel,
    kept: asyncio.Queue[DeadLetter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def give_back_until_gone() -> None:
        queue = await raw.get_queue(HEARD)
        for _ in range(topology.DELIVERY_LIMIT + 1):
            await (await queue.get(timeout=PATIENCE)).nack(requeue=True)

    async with open_broker(broker):
        await say(broker, command(), message_id=uuid.UUID(int=7), subject="1")
        await give_back_until_gone()
        first = await next_of(kept)
        await send_back(broker, first)
        await give_back_until_gone()
        second = await next_of(kept)

    told = (first.reason, first.queue, first.name, first.tries, first.redrives)
    assert told == ("delivery_limit", HEARD, RegisterAssets.name, topology.DELIVERY_LIMIT + 1, 0)
    assert first.id.version == 5
    assert (second.reason, second.redrives) == ("delivery_limit", 1)
    assert second.id != first.id


def test_what_the_broker_buries_twice_is_one_letter() -> None:
    death = {"reason": "delivery_limit", "queue": HEARD, "count": 1}
    headers = {"x-death": [death, {"reason": "expired", "queue": "retry.1s"}]}

    def buried(message_id: str | None, body: bytes = b"x", **more: int) -> uuid.UUID:
        came = Delivery(body, {**headers, **more}, message_id, RegisterAssets.name, None)
        return read(MEDIA, came).id

    assert buried("a") == buried("a", b"y")
    assert buried(None) == buried(None)
    assert len({buried("a"), buried("b"), buried(None), buried("a", **{REDRIVES: 1})}) == 4


async def test_while_it_cannot_be_kept_it_stays_with_the_broker(
    broker: RabbitBroker, raw: AbstractChannel
) -> None:
    luck = iter([ConnectionError("away"), ConnectionError("away"), None])
    asked: asyncio.Queue[DeadLetter] = asyncio.Queue()

    async def keep(letter: DeadLetter) -> None:
        await asked.put(letter)
        if error := next(luck):
            raise error

    hear(broker, MEDIA, RegisterAssets, _never)
    hear_the_dead(broker, keep)
    commands = await raw.get_exchange("commands")
    async with open_broker(broker):
        await commands.publish(aio_pika.Message(b"strange"), RegisterAssets.name)
        letters = [await next_of(asked) for _ in range(3)]

    assert len({letter.id for letter in letters}) == 1
    assert asked.empty()


async def test_a_letter_whose_queue_is_gone_is_not_sent_into_the_void(
    broker: RabbitBroker, raw: AbstractChannel
) -> None:
    letter = DeadLetter(new_id(), MEDIA, "gone", "x.v1", "unreadable", "", 1, 0, b"{}")

    async with open_broker(broker):
        with pytest.raises(QueueGone):
            await send_back(broker, letter)


async def test_whatever_lies_there_is_kept(
    broker: RabbitBroker, raw: AbstractChannel, kept: asyncio.Queue[DeadLetter]
) -> None:
    odd = {"x-jcc-error-id": "none", "x-jcc-reason": "a\0b", "x-jcc-tries": "many", "x-death": 1}
    dead = await raw.get_exchange("dead")

    async with open_broker(broker):
        await dead.publish(aio_pika.Message(b"1", type="odd\0", headers=odd), MEDIA)
        letter = await next_of(kept)
        await dead.publish(aio_pika.Message(b"2"), MEDIA)
        bare = await next_of(kept)

    assert (letter.reason, letter.name, letter.tries, letter.queue) == ("ab", "odd", 1, "")
    assert (bare.reason, bare.error, bare.headers) == ("unknown", "", bare.headers)
    assert letter.id != bare.id


async def _never(body: RegisterAssets) -> None:
    raise AssertionError("this is no message")
