"""What waits for a socket waits in order and within bounds; the slow are cut, the rest go on."""

import json
from typing import Any
from uuid import UUID

from chassis.ids import new_id
from gateway_service.connection import MOST_BYTES, MOST_FRAMES, RESUME, STALLED, Connection
from gateway_service.connections import ConnectionManager
from gateway_service.reading import MOST_JOURNALS
from journal_contracts.events import LONGEST_TEXT, TextWritten
from journal_contracts.realtime import Read


async def test_events_are_held_until_it_is_known_where_to_go_on() -> None:
    connection = Connection(new_id())
    for offset in (3, 5, 4):
        connection.offer("e", offset, b"event %d" % offset)

    assert connection.take() == []
    connection.begin("e", 3)
    assert connection.take() == [b"event 4", b"event 5"]


async def test_what_was_sent_is_not_sent_again() -> None:
    connection = begun()
    for offset in (1, 1, 2, 1):
        connection.offer("e", offset, b"event %d" % offset)

    assert connection.take() == [b"event 1", b"event 2"]


async def test_nothing_goes_on_before_a_gap_is_filled() -> None:
    connection = begun()
    connection.offer("e", 1, b"event 1")
    connection.offer("e", 4, b"event 4")
    connection.offer("e", 5, b"event 5")

    assert connection.is_behind
    assert connection.take() == [b"event 1"]
    for offset in (2, 3, 4):
        connection.offer("e", offset, b"event %d" % offset)
    assert connection.take() == [b"event 2", b"event 3", b"event 4", b"event 5"]
    assert not connection.is_behind


async def test_another_epoch_means_come_back_at_once() -> None:
    connection = begun()

    connection.offer("another", 1, b"event 1")

    assert connection.ended == RESUME


async def test_a_passing_value_replaces_the_one_that_still_waits() -> None:
    connection = begun()
    for percent in range(1_000):
        connection.offer_newest("journal/writing", b"%d %%" % percent)
    connection.offer("e", 1, b"event 1")

    assert connection.take() == [b"event 1", b"999 %"]
    assert connection.ended is None


async def test_word_of_our_own_goes_before_what_waits() -> None:
    connection = begun()
    connection.offer("e", 1, b"event 1")

    connection.say(b"ping")

    assert connection.take() == [b"ping", b"event 1"]


async def test_a_stalled_reader_is_cut_and_the_others_go_on() -> None:
    everybody, user = ConnectionManager(), new_id()
    stalled, quick = begun(user), begun(user)
    for connection in (stalled, quick):
        assert everybody.add(connection)

    received = []
    for offset in range(1, MOST_FRAMES + 3):
        everybody.deliver(user, "e", offset, b"event %d" % offset)
        received += quick.take()

    assert stalled.ended == STALLED
    assert quick.ended is None
    assert len(received) == MOST_FRAMES + 2


async def test_who_waits_for_a_gap_to_be_filled_does_not_wait_without_bounds() -> None:
    connection = begun()

    for offset in range(2, MOST_FRAMES + 4):
        connection.offer("e", offset, b"event %d" % offset)

    assert connection.ended == STALLED


async def test_bytes_are_bounded_like_frames() -> None:
    connection = begun()

    connection.offer("e", 1, b"x" * (MOST_BYTES + 1))

    assert connection.ended == STALLED


async def test_the_gone_are_forgotten() -> None:
    everybody, connection = ConnectionManager(), begun()
    everybody.add(connection)

    everybody.remove(connection)
    everybody.deliver(connection.user_id, "e", 1, b"event 1")

    assert not list(everybody.users())
    assert connection.take() == []


def begun(user_id: object = None) -> Connection:
    connection = Connection(user_id or new_id())  # type: ignore[arg-type]
    connection.begin("e", 0)
    return connection


def piece(journal: UUID, pos: int, text: str, **step: Any) -> TextWritten:
    told = {"phase": "curation", "part": "days", "agent": "content_curator", **step}
    return TextWritten(journal_id=journal, user_id=UUID(int=1), pos=pos, text=text, **told)


def texts(connection: Connection) -> list[tuple[int, str]]:
    """What is sent of text: from where, and what."""
    frames = [json.loads(frame) for frame in connection.take()]
    assert {frame["cls"] for frame in frames} <= {"token"}
    return [(frame["data"]["pos"], frame["data"]["text"]) for frame in frames]


async def test_text_is_sent_to_who_reads_it_and_to_nobody_else() -> None:
    """R2.1b: on request, and no longer than that."""
    reader, other, read, unread = begun(), begun(), new_id(), new_id()
    reader.reading.turn(Read(journal=read))
    for connection in (reader, other):
        connection.offer_text(piece(read, 0, "Before"))
        connection.offer_text(piece(unread, 0, "Nobody's"))

    assert (texts(reader), texts(other)) == ([(0, "Before")], [])
    reader.reading.turn(Read(journal=read, on=False))
    reader.offer_text(piece(read, 6, " you write"))
    assert texts(reader) == []


async def test_neighbours_become_one_and_a_gap_begins_anew() -> None:
    connection, journal = begun(), new_id()
    connection.reading.turn(Read(journal=journal))
    for pos, text in ((0, "lost"), (10, "Before "), (17, "you write")):
        connection.offer_text(piece(journal, pos, text))
    connection.offer_text(piece(journal, 3, "of another part", part="frame"))

    assert texts(connection) == [(10, "Before you write"), (3, "of another part")]


async def test_of_too_much_text_the_end_is_kept_and_nobody_is_cut() -> None:
    connection, journal = begun(), new_id()
    connection.reading.turn(Read(journal=journal))
    for number in range(100):
        connection.offer_text(piece(journal, 1_000 * number, f"{number:04d}" * 250))
    for part in range(1_000):
        connection.offer_text(piece(journal, 0, "word", part=str(part)))

    (pos, text), *others = texts(connection)
    assert (pos + len(text), len(text)) == (100_000, LONGEST_TEXT)
    assert text.endswith("0099")
    assert len(others) < 100
    assert connection.ended is None


async def test_a_client_reads_few_journals_at_a_time() -> None:
    connection, journals = begun(), [new_id() for _ in range(MOST_JOURNALS + 1)]
    for journal in journals:
        connection.reading.turn(Read(journal=journal))

    assert connection.reading.journals == tuple(journals[1:])
