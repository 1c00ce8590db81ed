"""The same key and body replay the first answer, whatever died in between (R3.1a, R4.1a)."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.ids import new_id
from gateway_service import feed, idempotency
from gateway_service.idempotency import KEPT_SECONDS, Answers

from .conftest import Client

ORDER = {"theme": "calm", "plan": "express"}
ORDERS = "/v1/journals"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    redis = feed.connect(redis_url)
    yield redis
    await redis.aclose()


def counting() -> Any:
    """An owner that makes another journal each time it is asked, and has all it made."""
    made: list[str] = []

    async def make(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({})
        made.append(request.headers.get("idempotency-key", ""))
        place = {"Location": f"/v1/journals/{len(made)}"}
        return JSONResponse({"id": len(made)}, 202, place)

    make.made = made  # type: ignore[attr-defined]
    return make


async def sent(client: Client, body: Any = ORDER, key: str = "key-1", **more: Any) -> Any:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    content = body if isinstance(body, str) else json.dumps(body)
    return await client.http.post(more.pop("path", ORDERS), content=content, headers=headers)


def told(answer: httpx.Response) -> tuple[int, Any, str | None]:
    return answer.status_code, answer.json(), answer.headers.get("location")


async def test_the_first_answer_comes_again_with_status_body_and_location(client: Client) -> None:
    client.owners.answering = owner = counting()

    first = await sent(client)
    again = await sent(client, ' {"plan":"express",  "theme":"calm"} ')

    assert told(first) == told(again) == (202, {"id": 1}, "/v1/journals/1")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(owner.made) == 1


async def test_a_key_belongs_to_one_request_of_one_user(client: Client) -> None:
    client.owners.answering = owner = counting()
    await sent(client)

    body = await sent(client, {"theme": "rage"})
    path = await sent(client, path=f"{ORDERS}/{new_id()}/retry", body={})
    token = client.owners.token(new_id())
    somebody = await client.http.post(
        ORDERS, json=ORDER, headers={"Idempotency-Key": "key-1", "Authorization": f"Bearer {token}"}
    )

    for refused in (body, path):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert told(somebody)[1] == {"id": 2}
    assert len(owner.made) == 2


@pytest.mark.parametrize(
    ("found", "status", "code"), [(404, 410, "journal_deleted"), (503, 202, None), (200, 202, None)]
)
async def test_who_orders_again_what_was_deleted_is_told_so(
    client: Client, found: int, status: int, code: str | None
) -> None:
    """The first answer would lead nowhere; the owner, who knows the key too, says what became."""
    owner = counting()

    async def deleted(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({}, found, media_type="application/problem+json")
        return JSONResponse({"code": "journal_deleted"}, 410)

    client.owners.answering = owner
    await sent(client)
    client.owners.answering = deleted
    answers = [await sent(client), await sent(client)]

    for again in answers:
        assert (again.status_code, again.json().get("code")) == (status, code)


async def test_of_many_at_once_one_is_asked_and_the_others_are_told_to_come_back(
    client: Client,
) -> None:
    let_go, owner = threading.Event(), counting()

    async def slow(request: Request) -> Response:
        await asyncio.to_thread(let_go.wait, 5)
        answer: Response = await owner(request)
        return answer

    client.owners.answering = slow
    sending = {asyncio.create_task(sent(client)) for _ in range(20)}
    while len(sending) > 1:
        done, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        for refused in await asyncio.gather(*done):
            assert (refused.status_code, refused.json()["code"]) == (409, "request_in_flight")
            assert refused.headers["retry-after"] == "1"
    let_go.set()
    [first] = sending

    assert told(await first) == told(await sent(client)) == (202, {"id": 1}, "/v1/journals/1")
    assert len(owner.made) == 1


async def test_what_was_refused_may_be_asked_again_under_its_key(client: Client) -> None:
    answers = [JSONResponse({}, 422), JSONResponse({}, 503, media_type="application/problem+json")]

    async def refuse(request: Request) -> Response:
        return answers.pop()

    client.owners.answering = refuse
    refused = [await sent(client), await sent(client)]
    client.owners.answering = counting()

    assert [answer.status_code for answer in refused] == [503, 422]
    assert (await sent(client, {"theme": "rage"})).status_code == 202


async def test_a_gateway_killed_before_it_kept_the_answer_asks_the_owner_once_more(
    client: Client, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What such a gateway leaves is its claim; the owner knows the key, and replays."""
    monkeypatch.setattr(idempotency, "CLAIM_SECONDS", 1)

    async def die(*told: object) -> None:
        raise RedisError

    with monkeypatch.context() as dying:
        dying.setattr(Answers, "_keep", die)
        client.owners.answering = owner = counting()
        await sent(client)
    at_once = await sent(client)
    await _until_gone(redis)
    later = await sent(client)

    assert (at_once.status_code, at_once.json()["code"]) == (409, "request_in_flight")
    assert later.status_code == 202
    assert owner.made == ["key-1", "key-1"]


async def test_answers_are_kept_for_a_day_and_nobody_reads_them_there(
    client: Client, redis: Redis
) -> None:
    async def secret(request: Request) -> Response:
        return JSONResponse({"theme": "a secret theme"}, 202, {"Location": "/v1/journals/1"})

    client.owners.answering = secret
    await sent(client)

    [place] = await redis.keys("once:*")
    kept = await redis.hgetall(place)
    assert KEPT_SECONDS - 60 <= await redis.ttl(place) <= KEPT_SECONDS
    assert b"secret" not in b"".join(kept.values())
    assert str(client.user_id).encode() not in place


async def test_a_ticket_is_given_once_for_a_key(client: Client) -> None:
    path = "/v1/rt/ticket"

    first, again = await sent(client, "", path=path), await sent(client, "", path=path)

    assert told(first) == told(again)
    assert (first.status_code, again.headers["idempotency-replayed"]) == (201, "true")


async def test_without_redis_the_owner_replays_and_what_it_would_do_twice_is_not_done(
    client_without_redis: Client,
) -> None:
    client = client_without_redis
    client.owners.answering = owner = counting()

    ordered = [await sent(client), await sent(client)]
    ticket = await sent(client, "", path="/v1/rt/ticket")

    assert [answer.status_code for answer in ordered] == [202, 202]
    assert owner.made == ["key-1", "key-1"]
    assert (ticket.status_code, ticket.json()["code"]) == (503, "keys_away")
    assert ticket.headers["retry-after"]


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "\u00e9"])
async def test_a_key_that_is_none_is_refused(client: Client, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = await client.http.post(ORDERS, json=ORDER, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert client.owners.asked == []


async def _until_gone(redis: Redis) -> None:
    async with asyncio.timeout(5):
        while await redis.keys("once:*"):
            await asyncio.sleep(0.02)
