"""How often somebody may ask: exact over all replicas, kind in what it says (R7.2b)."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio import Redis

from chassis.errors import ServiceError
from chassis.ids import new_id
from gateway_service import feed as feeds
from gateway_service.limits import (
    ACCOUNT,
    USER,
    Bucket,
    Limits,
    LimitsAway,
    Room,
    TooManyRequests,
    Wish,
)

from .conftest import Client

HOUR = Bucket("hour", 5, 3_600)
WIDE = Bucket("wide", 8, 3_600)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Waited for as long as it takes: the service's own client would count elsewhere meanwhile."""
    redis = Redis.from_url(redis_url)
    yield redis
    await redis.aclose()


@pytest.fixture
def away(unused_tcp_port: int) -> Redis:
    return feeds.connect(f"redis://127.0.0.1:{unused_tcp_port}/0")


@pytest.fixture(params=["shared", "alone"])
def limits(request: pytest.FixtureRequest, redis: Redis, away: Redis) -> Limits:
    """Counted in Redis, or here while it is away: the same to whoever asks."""
    return Limits(redis if request.param == "shared" else away)


async def tried(limits: Limits, wishes: Sequence[Wish], times: int) -> list[Room | ServiceError]:
    ends = await asyncio.gather(
        *(limits.take(wishes) for _ in range(times)), return_exceptions=True
    )
    assert all(isinstance(end, Room | TooManyRequests) for end in ends)
    return [end for end in ends if isinstance(end, Room | ServiceError)]


async def test_five_hundred_at_once_get_just_what_there_is(redis: Redis) -> None:
    wish = Wish(Bucket("hour", 100, 3_600), str(new_id()))
    replicas = [Limits(redis) for _ in range(5)]

    ends = [end for each in replicas for end in await tried(each, [wish], 100)]

    assert sum(isinstance(end, Room) for end in ends) == 100


async def test_what_is_left_is_told_and_then_how_long_to_wait(limits: Limits) -> None:
    wish = Wish(HOUR, str(new_id()))

    rooms = [await limits.take([wish]) for _ in range(5)]
    with pytest.raises(TooManyRequests) as refused:
        await limits.take([wish])

    assert [room.left for room in rooms] == [4, 3, 2, 1, 0]
    assert rooms[-1].headers() == {
        "RateLimit-Policy": '"hour";q=5;w=3600',
        "RateLimit": '"hour";r=0;t=3600',
    }
    wait = int(refused.value.headers["Retry-After"])
    assert 700 <= wait <= 720
    assert refused.value.headers["RateLimit"] == f'"hour";r=0;t={wait}'


async def test_who_waits_as_long_as_told_gets_in(limits: Limits) -> None:
    wish = Wish(Bucket("quick", 2, 0.2), str(new_id()), tokens=2)
    await limits.take([wish])
    with pytest.raises(TooManyRequests) as refused:
        await limits.take([wish])

    await asyncio.sleep(float(refused.value.room.wait))

    await limits.take([wish])


async def test_all_buckets_have_room_or_none_is_touched(limits: Limits) -> None:
    narrow, wide = Wish(HOUR, str(new_id()), tokens=3), Wish(WIDE, str(new_id()), tokens=3)
    await limits.take([narrow, wide])

    with pytest.raises(TooManyRequests):
        await limits.take([narrow, wide])

    assert (await limits.take([wide])).left == 2
    assert (await limits.take([Wish(HOUR, narrow.whose, tokens=2)])).left == 0


async def test_nobody_pays_for_somebody_else(limits: Limits) -> None:
    spent, other = str(new_id()), str(new_id())
    await tried(limits, [Wish(HOUR, spent)], 5)

    assert (await limits.take([Wish(HOUR, other)])).left == 4
    assert (await limits.take([Wish(WIDE, spent)])).left == 7


async def test_what_must_be_counted_is_refused_while_nobody_can_count(away: Redis) -> None:
    with pytest.raises(LimitsAway):
        await Limits(away).take([Wish(HOUR, "anybody")], strictly=True)


async def test_every_answer_says_what_is_left(client: Client) -> None:
    first = await client.http.get("/v1/journals")
    second = await client.http.get("/v1/journals")

    assert first.headers["RateLimit-Policy"] == '"user";q=600;w=60'
    assert first.headers["RateLimit"] == '"user";r=599;t=1'
    assert second.headers["RateLimit"].startswith('"user";r=59')


async def test_who_asks_too_often_is_told_when_to_come_back(client: Client, redis: Redis) -> None:
    await Limits(redis).take([Wish(USER, str(client.user_id), tokens=USER.holds)])

    refused = await client.http.get("/v1/journals")

    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_requests"
    assert int(refused.headers["Retry-After"]) >= 1
    assert client.owners.asked == []


async def test_an_account_is_guessed_at_so_often_from_wherever(client: Client) -> None:
    guess = {"email": f"{new_id()}@example.org", "password": "not this one either"}

    tries = [
        await client.http.post(
            "/v1/auth/login", json=guess, headers={"X-Forwarded-For": f"10.0.0.{n}"}
        )
        for n in range(ACCOUNT.holds + 1)
    ]

    assert [answer.status_code for answer in tries[:-1]] == [404] * ACCOUNT.holds
    assert tries[-1].status_code == 429
    twin = await client.http.post("/v1/auth/login", json={**guess, "email": guess["email"].upper()})
    assert twin.status_code == 429


async def test_without_redis_nobody_guesses_and_everybody_else_goes_on(
    client_without_redis: Client,
) -> None:
    guess = {"email": "somebody@example.org", "password": "not this one either"}

    refused = await client_without_redis.http.post("/v1/auth/login", json=guess)
    shelf = await client_without_redis.http.get("/v1/journals")

    assert (refused.status_code, refused.json()["code"]) == (503, "limits_away")
    assert shelf.status_code == 200
