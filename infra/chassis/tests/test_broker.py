"""Saying and hearing on a real RabbitMQ (R9.1a, R9.1d).

Events are said of `SessionRevoked`, which no durable queue hears: nothing is left to others.
"""

import asyncio
from unittest.mock import AsyncMock, Mock
from uuid import UUID

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError
from faststream.rabbit import RabbitBroker
from pydantic import ValidationError
from structlog.typing import EventDict

from chassis.broker import (
    BrokerAway,
    connect,
    connection,
    declare,
    hear,
    hear_on_every_replica,
    hearing_hot,
    open_broker,
    ping,
    say,
    topology,
)
from chassis.broker.hearing import ERROR_ID, HEARD_ON, MOST_FAULTS, REASON, TRIES, faults_of, lost
from chassis.ids import new_id, now
from journal_contracts.catalogue import MEDIA
from journal_contracts.commands import RegisterAssets, RunPhase
from journal_contracts.events import ProgressReported, SessionRevoked

STEP = {"journal_id": UUID(int=1), "user_id": UUID(int=2), "phase": "delivery"}
HEARD = f"{MEDIA}.{RegisterAssets.name}"
PATIENCE = 20


def command(number: int = 1) -> RegisterAssets:
    return RegisterAssets(**STEP, attempt=number, editions="users/2/journals/1/x.json")


def event() -> SessionRevoked:
    return SessionRevoked(user_id=UUID(int=2), session_id=new_id(), at=now(), reason="test")


async def first_dead(channel: AbstractChannel) -> AbstractIncomingMessage:
    graveyard = await channel.get_queue(f"{MEDIA}.dead", ensure=False)
    async with asyncio.timeout(PATIENCE):
        while (dead := await graveyard.get(fail=False)) is None:
            await asyncio.sleep(0.02)
    await dead.ack()
    return dead


async def left_in(channel: AbstractChannel, queue: str) -> int | None:
    return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count


@pytest.fixture
def broker(amqp_url: str) -> RabbitBroker:
    return connect(MEDIA, amqp_url)


async def test_declaring_twice_changes_nothing(broker: RabbitBroker) -> None:
    async with open_broker(broker):
        await declare(broker)
        await ping(broker)


async def test_what_is_said_is_heard(broker: RabbitBroker, raw: AbstractChannel) -> None:
    heard: asyncio.Queue[RegisterAssets] = asyncio.Queue()
    hear(broker, MEDIA, RegisterAssets, heard.put)

    async with open_broker(broker):
        await say(broker, command())
        body = await asyncio.wait_for(heard.get(), PATIENCE)

    assert body == command()
    assert await left_in(raw, HEARD) == 0


async def test_an_event_travels_in_a_whole_envelope(
    broker: RabbitBroker, raw: AbstractChannel
) -> None:
    queue = await raw.declare_queue(exclusive=True)
    await queue.bind("events", SessionRevoked.name)
    said, message_id = event(), new_id()

    async with open_broker(broker):
        await say(broker, said, message_id=message_id, subject="1")
    message = await queue.get(timeout=PATIENCE)

    assert SessionRevoked.model_validate_json(message.body) == said
    assert message.message_id == str(message_id)
    assert message.type == SessionRevoked.name
    assert message.app_id == MEDIA
    assert message.correlation_id == "1"
    assert message.content_type == "application/json"
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    cloud = {k: v for k, v in message.headers.items() if k.startswith("cloudEvents:")}
    assert cloud.pop("cloudEvents:time")
    assert cloud == {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": str(message_id),
        "cloudEvents:source": f"/{MEDIA}",
        "cloudEvents:type": SessionRevoked.name,
        "cloudEvents:datacontenttype": "application/json",
        "cloudEvents:subject": "1",
    }


async def test_a_command_is_kept_and_is_no_cloud_event(
    broker: RabbitBroker, raw: AbstractChannel
) -> None:
    async with open_broker(broker):
        await say(broker, command())
    message = await (await raw.get_queue(HEARD)).get(timeout=PATIENCE)
    await message.ack()

    assert message.type == RegisterAssets.name
    assert UUID(message.message_id or "").version == 7
    assert message.correlation_id == message.message_id
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert not [name for name in message.headers if name.startswith("cloudEvents:")]


async def test_what_is_transient_is_never_written_to_disk(
    broker: RabbitBroker, raw: AbstractChannel
) -> None:
    queue = await raw.declare_queue(exclusive=True)
    await queue.bind("live", "u.7")

    async with open_broker(broker):
        await say(broker, ProgressReported(**STEP, agent="one", doing="started"), routing_key="u.7")
    message = await queue.get(timeout=PATIENCE)

    assert message.delivery_mode == aio_pika.DeliveryMode.NOT_PERSISTENT


async def test_a_command_nobody_owns_is_refused(broker: RabbitBroker) -> None:
    async with open_broker(broker):
        with pytest.raises(DeliveryError):
            await say(broker, command(), routing_key="nobody.listens.here")


async def test_an_event_nobody_hears_is_not(broker: RabbitBroker) -> None:
    async with open_broker(broker):
        await say(broker, event())


@pytest.mark.parametrize("body", [b"not json", b"{}", b"\xff\xfe"])
@pytest.mark.parametrize("said_to_be", [None, "application/json", "text/plain"])
async def test_what_is_no_such_message_is_buried_and_the_queue_moves_on(
    broker: RabbitBroker, raw: AbstractChannel, body: bytes, said_to_be: str | None
) -> None:
    heard: asyncio.Queue[RegisterAssets] = asyncio.Queue()
    hear(broker, MEDIA, RegisterAssets, heard.put)
    commands = await raw.get_exchange("commands")
    strange = aio_pika.Message(body, message_id="strange", content_type=said_to_be)
    await commands.publish(strange, RegisterAssets.name)

    async with open_broker(broker):
        await say(broker, command())
        good = await asyncio.wait_for(heard.get(), PATIENCE)
        dead = await first_dead(raw)

    assert good == command()
    assert (dead.body, dead.message_id) == (body, "strange")
    assert (dead.headers[REASON], dead.headers[HEARD_ON]) == ("unreadable", HEARD)
    assert UUID(str(dead.headers[ERROR_ID]))


async def test_what_stood_in_an_unreadable_body_is_never_logged(
    broker: RabbitBroker, raw: AbstractChannel, logs: list[EventDict]
) -> None:
    hear(broker, MEDIA, RegisterAssets, AsyncMock())
    commands = await raw.get_exchange("commands")
    body = b'{"journal_id": "canary", "phase": ["canary"], "editions": {"canary": 1}}'
    await commands.publish(aio_pika.Message(body), RegisterAssets.name)

    async with open_broker(broker):
        dead = await first_dead(raw)

    (entry,) = logs
    assert (entry["event"], entry["error_id"]) == ("message_buried", dead.headers[ERROR_ID])
    assert entry["faults"] == [
        "/journal_id: uuid_parsing",
        "/user_id: missing",
        "/phase: string_type",
        "/editions: string_type",
    ]
    assert "canary" not in repr(logs)
    assert "exc_info" not in entry


def test_a_fault_is_named_by_its_place_and_kind_and_by_no_name_of_the_senders() -> None:
    inputs = {f"canary {number}": 7 for number in range(MOST_FAULTS)}
    with pytest.raises(ValidationError) as refusal:
        RunPhase.model_validate({**STEP, "inputs": inputs, "brief": {"plan": "canary"}})

    assert faults_of(RunPhase, refusal.value) == [
        "/brief/theme: missing",
        "/brief/plan: enum",
        *(MOST_FAULTS - 2) * ["/inputs/*: tuple_type"],
    ]


async def test_a_handler_that_fails_once_is_asked_again(
    broker: RabbitBroker, raw: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "RUNGS", (1,))
    luck = iter([RuntimeError("no luck"), None])
    done = asyncio.Event()

    async def try_it(body: RegisterAssets) -> None:
        if error := next(luck):
            raise error
        done.set()

    hear(broker, MEDIA, RegisterAssets, try_it)
    async with open_broker(broker):
        await say(broker, command())
        await asyncio.wait_for(done.wait(), PATIENCE)

    assert await left_in(raw, HEARD) == 0
    assert await left_in(raw, f"{MEDIA}.dead") == 0


async def test_a_handler_that_fails_is_tried_again_and_its_message_buried_at_last(
    broker: RabbitBroker, raw: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "RUNGS", (1,))
    tries = 0

    async def fail(body: RegisterAssets) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("no luck")

    hear(broker, MEDIA, RegisterAssets, fail)
    message_id = new_id()
    async with open_broker(broker):
        await say(broker, command(), message_id=message_id, subject="1")
        dead = await first_dead(raw)

    assert tries == 2
    assert (dead.headers[REASON], dead.headers[TRIES]) == ("out_of_tries", 1)
    assert RegisterAssets.model_validate_json(dead.body) == command()
    assert (dead.message_id, dead.correlation_id) == (str(message_id), "1")
    assert dead.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_no_more_is_taken_than_was_asked_for(
    broker: RabbitBroker, raw: AbstractChannel
) -> None:
    """The broker's own channel has no limit: a queue heard on that one would be drained."""
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
        waiting, more = await left_in(raw, HEARD), taken.qsize()
        free.set()
        rest = [await asyncio.wait_for(taken.get(), PATIENCE) for _ in range(4)]

    assert (waiting, more) == (4, 0)
    assert sorted(first + rest) == [1, 2, 3, 4, 5, 6]


async def test_a_reader_that_dies_leaves_its_message_to_the_next(
    amqp_url: str, broker: RabbitBroker, raw: AbstractChannel
) -> None:
    async with await aio_pika.connect(amqp_url) as doomed:
        async with open_broker(broker):
            await say(broker, command())
        await (await (await doomed.channel()).get_queue(HEARD)).get(timeout=PATIENCE)
    heard: asyncio.Queue[RegisterAssets] = asyncio.Queue()
    next_one = connect(MEDIA, amqp_url)
    hear(next_one, MEDIA, RegisterAssets, heard.put)

    async with open_broker(next_one):
        body = await asyncio.wait_for(heard.get(), PATIENCE)

    assert body == command()


async def test_who_stops_takes_no_more_and_acks_what_ends_in_time(
    amqp_url: str, broker: RabbitBroker, raw: AbstractChannel
) -> None:
    taken: asyncio.Queue[int] = asyncio.Queue()
    free = asyncio.Event()

    async def work(body: RegisterAssets) -> None:
        await taken.put(body.attempt)
        await free.wait()

    hot = hearing_hot(broker, amqp_url, MEDIA, RegisterAssets, work, prefetch=1)
    async with open_broker(broker), hot as hearing:
        for number in (1, 2):
            await say(broker, command(number))
        first = await asyncio.wait_for(taken.get(), PATIENCE)
        stopping = asyncio.create_task(hearing.stop(PATIENCE))
        free.set()
        await stopping

    assert (first, taken.qsize()) == (1, 0)
    assert (await (await raw.get_queue(HEARD)).purge()).message_count == 1


async def test_what_does_not_end_in_time_is_delivered_again(
    amqp_url: str, broker: RabbitBroker, raw: AbstractChannel
) -> None:
    taken = asyncio.Event()

    async def work(body: RegisterAssets) -> None:
        taken.set()
        await asyncio.Event().wait()

    hot = hearing_hot(broker, amqp_url, MEDIA, RegisterAssets, work)
    async with open_broker(broker), hot as hearing:
        await say(broker, command())
        await asyncio.wait_for(taken.wait(), PATIENCE)
        await hearing.stop(0)

    again = await (await raw.get_queue(HEARD)).get(timeout=PATIENCE)
    assert again is not None
    assert again.redelivered
    await again.ack()


async def test_what_every_replica_hears_reaches_both_and_leaves_no_queue(amqp_url: str) -> None:
    said = event()
    heard: asyncio.Queue[tuple[str, SessionRevoked]] = asyncio.Queue()
    one, two = connect(MEDIA, amqp_url), connect(MEDIA, amqp_url)

    async def by_one(body: SessionRevoked) -> None:
        await heard.put(("one", body))

    async def by_two(body: SessionRevoked) -> None:
        await heard.put(("two", body))

    hear_on_every_replica(one, MEDIA, SessionRevoked, by_one)
    hear_on_every_replica(two, MEDIA, SessionRevoked, by_two)
    async with open_broker(one), open_broker(two):
        await say(one, said)
        both = [await asyncio.wait_for(heard.get(), PATIENCE) for _ in range(2)]

    assert sorted(name for name, _ in both) == ["one", "two"]
    assert {body for _, body in both} == {said}


async def test_a_replica_that_stumbles_over_one_message_says_so_and_hears_the_next(
    broker: RabbitBroker, raw: AbstractChannel, logs: list[EventDict]
) -> None:
    heard: asyncio.Queue[SessionRevoked] = asyncio.Queue()
    said = event()

    async def stumble(body: SessionRevoked) -> None:
        await heard.put(body)
        raise RuntimeError("no luck")

    hear_on_every_replica(broker, MEDIA, SessionRevoked, stumble)
    events = await raw.get_exchange("events")
    unreadable, failed = (lost.labels(SessionRevoked.name, why) for why in ("unreadable", "failed"))
    before = unreadable._value.get(), failed._value.get()
    async with open_broker(broker):
        await events.publish(aio_pika.Message(b'{"reason": ["canary"]}'), SessionRevoked.name)
        await say(broker, said)
        await say(broker, said)
        twice = [await asyncio.wait_for(heard.get(), PATIENCE) for _ in range(2)]

    assert twice == [said, said]
    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("message_lost", "unreadable"),
        ("message_lost", "failed"),
        ("message_lost", "failed"),
    ]
    assert "canary" not in repr(logs)
    assert (unreadable._value.get(), failed._value.get()) == (before[0] + 1, before[1] + 2)


async def test_a_broker_that_falls_silent_at_the_start_ends_the_start(
    broker: RabbitBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R9.1d: whoever keeps the process starts it anew; one that waits for ever nobody would."""

    async def lost(broker: RabbitBroker) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(connection, "START_SECONDS", 0.2)
    monkeypatch.setattr(topology, "declare", lost)

    with pytest.raises(BrokerAway):
        async with open_broker(broker):
            pytest.fail("it began to hear")


async def test_a_client_that_does_not_find_back_is_given_up(
    broker: RabbitBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R9.1d: RabbitMQ is there, and the client is not."""
    monkeypatch.setattr(connection, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(connection, "STUCK_SECONDS", 0.2)
    given_up = Mock()

    async with asyncio.timeout(PATIENCE):
        await connection.watch(broker, given_up)  # it never connected

    given_up.assert_called_once()


async def test_while_rabbitmq_is_away_nobody_is_given_up(
    broker: RabbitBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(connection, "STUCK_SECONDS", 0.1)
    nowhere, looks = connect(MEDIA, "amqp://127.0.0.1:1/"), asyncio.Event()
    asked = AsyncMock(side_effect=[*[False] * 20, True])

    async def answers(broker: RabbitBroker) -> bool:
        found = await really(broker)
        if asked.await_count > 10:
            looks.set()
        return found

    really = connection._answers
    monkeypatch.setattr(connection, "_answers", answers)
    monkeypatch.setattr(nowhere, "ping", asked)
    given_up = Mock()
    watching = asyncio.create_task(connection.watch(nowhere, given_up))

    await asyncio.wait_for(looks.wait(), PATIENCE)

    given_up.assert_not_called()
    watching.cancel()
