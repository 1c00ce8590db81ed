"""What we write ourselves is what the client library reads, and each letter gets its own word."""

from datetime import UTC, datetime
from typing import Any

import pamqp.frame

from chassis.broker import Speaker, connect, letter_of, open_broker
from chassis.broker.frames import publish_method, published
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.commands import WithdrawAssets
from journal_contracts.events import CraftResumed

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def read(data: bytes) -> list[Any]:
    """The frames, by the library."""
    frames = []
    while data:
        length, channel, frame = pamqp.frame.unmarshal(data)
        assert channel == 3
        frames.append(frame)
        data = data[length:]
    return frames


def test_the_library_reads_the_frames_we_write() -> None:
    data = published(
        3,
        publish_method(3, "events", "journal.craft.resumed.v1", mandatory=True),
        app_id="a-service",
        name="journal.craft.resumed.v1",
        message_id="m-1",
        subject="s-1",
        at=AT,
        headers={"traceparent": "00-ü", "cloudEvents:id": "m-1"},
        body=b"x" * 300,
        most=200,
    )

    method, header, *parts = read(data)

    assert (method.exchange, method.routing_key) == ("events", "journal.craft.resumed.v1")
    assert method.mandatory
    told = {key: value for key, value in header.properties if value not in (None, "")}
    assert told == {
        "content_type": "application/json",
        "headers": {"traceparent": "00-ü", "cloudEvents:id": "m-1"},
        "delivery_mode": 2,
        "correlation_id": "s-1",
        "message_id": "m-1",
        "timestamp": AT,
        "message_type": "journal.craft.resumed.v1",
        "app_id": "a-service",
    }
    assert header.body_size == 300
    assert [len(part.value) for part in parts] == [200, 100]


async def test_a_command_nobody_owns_is_told_apart_from_those_that_arrived(amqp_url: str) -> None:
    """R9.1a: one letter that cannot be delivered costs its neighbours nothing."""
    broker = connect(ORCHESTRATOR, amqp_url)
    journal, user = new_id(), new_id()
    event = CraftResumed(journal_id=journal, user_id=user, n=1, at=AT, percent=0)
    command = WithdrawAssets(journal_id=journal, user_id=user, phase="delivery", registered=1)
    said = [letter_of(each, new_id(), str(journal)) for each in (event, command, event)]
    lost = letter_of(command, new_id(), str(journal), pool="of-nobody")
    speaker = Speaker(ORCHESTRATOR, amqp_url)
    async with open_broker(broker):
        arrived = await speaker.say_all([said[0], lost, *said[1:]])
        again = await speaker.say_all(said)
    await speaker.close()

    assert arrived == [True, False, True, True]
    assert again == [True, True, True]


async def test_without_a_broker_nothing_is_said_to_have_arrived() -> None:
    speaker = Speaker(ORCHESTRATOR, "amqp://guest:guest@127.0.0.1:1/")
    event = CraftResumed(journal_id=new_id(), user_id=new_id(), n=1, at=AT, percent=0)

    assert await speaker.say_all([letter_of(event, new_id(), "s")]) == [False]
