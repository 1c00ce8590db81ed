"""What waits for a socket waits in order and within bounds; the slow are cut, the rest go on."""

from chassis.ids import new_id
from gateway_service.connections import (
    MOST_BYTES,
    MOST_FRAMES,
    RESUME,
    STALLED,
    Connection,
    ConnectionManager,
)


async def test_events_are_held_until_it_is_known_where_to_go_on() -> None:
    connection = Connection(new_id())
    for offset in (3, 5, 4):
        connection.offer("e", offset, f"event {offset}")

    assert connection.take() == []
    connection.begin("e", 3)
    assert connection.take() == ["event 4", "event 5"]


async def test_what_was_sent_is_not_sent_again() -> None:
    connection = begun()
    for offset in (1, 1, 2, 1):
        connection.offer("e", offset, f"event {offset}")

    assert connection.take() == ["event 1", "event 2"]


async def test_nothing_goes_on_before_a_gap_is_filled() -> None:
    connection = begun()
    connection.offer("e", 1, "event 1")
    connection.offer("e", 4, "event 4")
    connection.offer("e", 5, "event 5")

    assert connection.behind.is_set()
    assert connection.take() == ["event 1"]
    for offset in (2, 3, 4):
        connection.offer("e", offset, f"event {offset}")
    assert connection.take() == ["event 2", "event 3", "event 4", "event 5"]
    assert not connection.behind.is_set()


async def test_another_epoch_means_come_back_at_once() -> None:
    connection = begun()

    connection.offer("another", 1, "event 1")

    assert connection.ended == RESUME


async def test_a_passing_value_replaces_the_one_that_still_waits() -> None:
    connection = begun()
    for percent in range(1_000):
        connection.offer_newest("journal/writing", f"{percent} %")
    connection.offer("e", 1, "event 1")

    assert connection.take() == ["event 1", "999 %"]
    assert connection.ended is None


async def test_word_of_our_own_goes_before_what_waits() -> None:
    connection = begun()
    connection.offer("e", 1, "event 1")

    connection.say("ping")

    assert connection.take() == ["ping", "event 1"]


async def test_a_stalled_reader_is_cut_and_the_others_go_on() -> None:
    everybody, user = ConnectionManager(), new_id()
    stalled, quick = begun(user), begun(user)
    for connection in (stalled, quick):
        assert everybody.add(connection)

    received = []
    for offset in range(1, MOST_FRAMES + 3):
        everybody.deliver(user, "e", offset, f"event {offset}")
        received += quick.take()

    assert stalled.ended == STALLED
    assert quick.ended is None
    assert len(received) == MOST_FRAMES + 2


async def test_who_waits_for_a_gap_to_be_filled_does_not_wait_without_bounds() -> None:
    connection = begun()

    for offset in range(2, MOST_FRAMES + 4):
        connection.offer("e", offset, f"event {offset}")

    assert connection.ended == STALLED


async def test_bytes_are_bounded_like_frames() -> None:
    connection = begun()

    connection.offer("e", 1, "x" * (MOST_BYTES + 1))

    assert connection.ended == STALLED


async def test_the_gone_are_forgotten() -> None:
    everybody, connection = ConnectionManager(), begun()
    everybody.add(connection)

    everybody.remove(connection)
    everybody.deliver(connection.user_id, "e", 1, "event 1")

    assert not list(everybody.users())
    assert connection.take() == []


def begun(user_id: object = None) -> Connection:
    connection = Connection(user_id or new_id())  # type: ignore[arg-type]
    connection.begin("e", 0)
    return connection
