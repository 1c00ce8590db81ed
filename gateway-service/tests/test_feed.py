"""The feed: every event once, in its journal's order, without gaps, or honestly begun anew."""

import asyncio
import json
import random
from uuid import UUID

from chassis.ids import new_id
from gateway_service import feed as feeds
from gateway_service.erasing import Erasing
from gateway_service.feed import Entry, Feed

USER, JOURNAL = new_id(), new_id()


async def test_events_are_numbered_as_they_come_and_carry_their_number(feed: Feed) -> None:
    first = await feed.append(USER, JOURNAL, 1, frame(1))
    second = await feed.append(USER, JOURNAL, 2, frame(2))

    assert (first.verdict, second.verdict) == ("appended", "appended")
    assert first.epoch == second.epoch
    assert offsets(first.entries + second.entries) == [1, 2]
    assert json.loads(second.entries[0].frame) == {"o": 2, "n": 2}


async def test_the_same_event_counts_once(feed: Feed) -> None:
    await feed.append(USER, JOURNAL, 1, frame(1))

    again = await feed.append(USER, JOURNAL, 1, frame(1))

    assert (again.verdict, again.entries) == ("known", ())
    assert (await feed.position(USER)).top == 1


async def test_an_early_event_waits_for_those_before_it(feed: Feed) -> None:
    third = await feed.append(USER, JOURNAL, 3, frame(3))
    second = await feed.append(USER, JOURNAL, 2, frame(2))

    first = await feed.append(USER, JOURNAL, 1, frame(1))

    assert (third.verdict, second.verdict) == ("parked", "parked")
    assert [json.loads(entry.frame)["n"] for entry in first.entries] == [1, 2, 3]
    assert (await feed.append(USER, JOURNAL, 3, frame(3))).verdict == "known"


async def test_a_gap_that_is_given_up_begins_a_new_epoch_from_the_first_that_waits(
    feed: Feed,
) -> None:
    await feed.append(USER, JOURNAL, 1, frame(1))
    before = await feed.position(USER)
    for early in (6, 5):
        await feed.append(USER, JOURNAL, early, frame(early))

    given_up = await feed.append(USER, JOURNAL, 6, frame(6), give_up=True)

    after = await feed.position(USER)
    assert [json.loads(entry.frame)["n"] for entry in given_up.entries] == [5, 6]
    assert after.epoch == given_up.epoch != before.epoch
    assert (await feed.after(USER, 0, after.top)) == given_up.entries
    assert (await feed.append(USER, JOURNAL, 4, frame(4))).verdict == "known"


async def test_giving_up_on_what_came_in_the_meantime_changes_nothing(feed: Feed) -> None:
    for n in (2, 1):
        await feed.append(USER, JOURNAL, n, frame(n))
    before = await feed.position(USER)

    given_up = await feed.append(USER, JOURNAL, 2, frame(2), give_up=True)

    assert given_up.verdict == "known"
    assert await feed.position(USER) == before


async def test_whatever_the_order_and_however_often_each_event_comes_once_in_order(
    feed: Feed,
) -> None:
    """Three journals of one user, each event three times, many stampers at once."""
    journals = [new_id() for _ in range(3)]
    said = [(journal, n) for journal in journals for n in range(1, 31)] * 3
    random.Random(7).shuffle(said)

    told = await asyncio.gather(
        *(feed.append(USER, journal, n, frame(n, journal)) for journal, n in said)
    )

    entries = sorted((e for each in told for e in each.entries), key=lambda e: e.offset)
    seen = [json.loads(entry.frame) for entry in entries]
    assert offsets(entries) == list(range(1, 91))
    for journal in journals:
        assert [e["n"] for e in seen if e["journal"] == str(journal)] == list(range(1, 31))
    assert await feed.after(USER, 0, 90) == tuple(entries)


async def test_history_is_whole_or_not_given_at_all(feed: Feed) -> None:
    for n in range(1, feeds.KEPT_ENTRIES + 11):
        await feed.append(USER, JOURNAL, n, frame(n))
    top = (await feed.position(USER)).top

    whole = await feed.after(USER, top - feeds.KEPT_ENTRIES, top)

    assert whole is not None
    assert offsets(whole) == list(range(11, top + 1))
    assert await feed.after(USER, 9, top) is None
    assert await feed.after(USER, top, top) == ()
    assert await feed.after(USER, top + 1, top) is None


async def test_feeds_of_two_users_have_nothing_to_do_with_each_other(feed: Feed) -> None:
    await feed.append(USER, JOURNAL, 1, frame(1))

    theirs = await feed.append(new_id(), JOURNAL, 1, frame(1))

    assert offsets(theirs.entries) == [1]


async def test_an_empty_redis_means_another_epoch(feed: Feed, redis_url: str) -> None:
    await feed.append(USER, JOURNAL, 1, frame(1))
    before = await feed.position(USER)
    redis = feeds.connect(redis_url)
    await redis.flushdb()
    await redis.aclose()

    after = await feed.position(USER)

    assert after.epoch != before.epoch
    assert after.top == 0


async def test_what_was_said_of_a_journal_that_is_gone_is_let_go_of_and_leaves_an_honest_gap(
    feed: Feed,
) -> None:
    """R7.1: others read along, and its words are not theirs to keep."""
    user, gone, other = new_id(), new_id(), new_id()
    for n, journal in enumerate((gone, other, gone, gone), 1):
        await feed.append(user, journal, 1 + (n > 2) + (n > 3), about(journal))

    await feed.forget(user, gone)

    assert await feed.after(user, 0, 4) is None
    assert [offset_of(e) for e in await feed.after(user, 1, 2) or ()] == [2]
    assert [offset_of(e) for e in (await feed.newest(user))[1]] == [4]


async def test_redis_keeps_nothing_of_a_user_who_left(feed: Feed, redis_url: str) -> None:
    user, other, redis = new_id(), new_id(), feeds.connect(redis_url)
    for each in (user, other):
        await feed.append(each, JOURNAL, 1, frame(1))
        await redis.set(f"limit:user:{each}", 1)
        await redis.set(f"state:{{{each}}}:{JOURNAL}", "{}")

    await Erasing(redis).erase(user)
    await Erasing(redis).erase(user)

    assert await redis.keys(f"*{user}*") == []
    assert len(await redis.keys(f"*{other}*")) == 5
    await redis.aclose()


def about(journal: UUID) -> bytes:
    return json.dumps({"journal": str(journal)}).encode()


def offset_of(entry: Entry) -> int:
    return entry.offset


def frame(n: int, journal: UUID | None = None) -> bytes:
    named = {"journal": str(journal)} if journal else {}
    return json.dumps({"n": n, **named}).encode()


def offsets(entries: tuple[Entry, ...] | list[Entry]) -> list[int]:
    return [entry.offset for entry in entries]
