"""What waits for one socket and for all of them: counted, bounded, in portions (R2.1c)."""

from typing import Any

import pytest

from chassis.ids import new_id
from gateway_service.connection import MOST_BYTES, MOST_OF_ALL, Connection, Room
from gateway_service.connections import ConnectionManager


async def test_while_the_process_is_full_nobody_new_comes_in(client: Any) -> None:
    room = client.sockets.sources.connections.room
    room.held += MOST_OF_ALL + 1
    try:
        async with client.socket() as refused:
            bye = await refused.next()
    finally:
        room.held -= MOST_OF_ALL + 1

    assert (bye["code"], bye["reconnect"]) == (1013, True)
    assert bye["afterMs"] > 0


@pytest.mark.parametrize(("waits", "code"), [(MOST_BYTES // 8, None), (MOST_BYTES // 2, 1013)])
async def test_while_the_process_is_full_those_go_who_hold_much(
    waits: int, code: int | None
) -> None:
    everybody, connection = ConnectionManager(), Connection(new_id())
    everybody.room = Room(most=10)
    everybody.add(connection)
    connection.begin("e", 0)

    connection.offer("e", 1, b"x" * waits)

    assert (connection.ended and connection.ended.code) == code
    everybody.remove(connection)
    assert everybody.room.held == 0


async def test_what_waits_is_counted_until_it_is_sent() -> None:
    everybody, connection = ConnectionManager(), Connection(new_id())
    everybody.add(connection)
    for offset in (2, 4, 5, 3):
        connection.offer("e", offset, b"x" * 100)
    connection.begin("e", 2)
    connection.offer_newest("key", b"y" * 10)
    connection.offer_newest("key", b"y" * 20)
    connection.say(b"ping")

    assert everybody.room.held == 3 * 100 + 20 + 4
    assert connection.take() == [b"ping", *[b"x" * 100] * 3, b"y" * 20]
    assert everybody.room.held == 0


async def test_much_goes_in_several_messages() -> None:
    connection = Connection(new_id())
    connection.begin("e", 0)
    for offset in range(1, 11):
        connection.offer("e", offset, b"x" * 30_000)

    messages = []
    while frames := connection.take():
        messages.append(len(frames))

    assert messages == [3, 3, 3, 1]
