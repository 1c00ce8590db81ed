"""Sockets: who gets one, what is said first, what is said after, and how it ends."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx
import pytest
import websockets
from faststream.rabbit import RabbitBroker
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.broker import connect, hear_on_every_replica, open_broker, say
from chassis.broker.topology import bucket_of
from chassis.ids import new_id
from gateway_service.connection import RESUME, Connection
from gateway_service.ends import Ended
from gateway_service.feed import Feed
from gateway_service.following import Following, Times
from gateway_service.library import Library
from gateway_service.owners import Owner
from gateway_service.stamper import durable_frame
from journal_contracts.catalogue import WORKERS
from journal_contracts.events import PhaseStarted, ProgressReported, TextWanted, TextWritten
from journal_contracts.realtime import Decide

PATIENCE = 20.0
CHOICE = {"option": "own", "text": "Quiet Mornings"}


# --- what a client is told ----------------------------------------------------------------------


async def test_a_client_without_a_past_gets_a_snapshot_and_then_what_happens(
    client: Any, orchestrator: RabbitBroker, journal: Any, happened: Any
) -> None:
    client.owners.journals = [journal(), journal("completed")]
    crafted = new_id()

    async with client.socket() as talk:
        welcome, snapshot = await talk.next(), await talk.next()
        for n in (1, 2, 3):
            await say(orchestrator, happened(client.user_id, crafted, n))
        events = await talk.events(3)

    assert (welcome["t"], welcome["mode"], welcome["o"]) == ("welcome", "snapshot", 0)
    assert welcome["user"] == str(client.user_id)
    assert (snapshot["epoch"], snapshot["o"]) == (welcome["epoch"], 0)
    assert [seen["id"] for seen in snapshot["journals"]] == ids(client.owners.journals)
    assert [(event["o"], event["n"], event["cls"]) for event in events] == [
        (1, 1, "durable"),
        (2, 2, "durable"),
        (3, 3, "durable"),
    ]
    assert events[0]["type"] == "journal.phase.started.v1"
    assert PhaseStarted.model_validate(events[0]["data"]).phase == "phase 1"


async def test_a_snapshot_holds_the_newest_journals_and_all_that_are_not_finished(
    client: Any, journal: Any
) -> None:
    finished = [journal("completed") for _ in range(25)]
    client.owners.journals = [*finished, journal("waiting"), journal("failed")]

    async with client.socket() as talk:
        await talk.next()
        snapshot = await talk.next()

    wanted = [*client.owners.journals[:20], client.owners.journals[25]]
    assert [seen["id"] for seen in snapshot["journals"]] == ids(wanted)


async def test_who_comes_back_gets_exactly_what_was_missed(
    client: Any, orchestrator: RabbitBroker, happened: Any, feed: Feed
) -> None:
    crafted = new_id()
    async with client.socket() as talk:
        welcome = await talk.next()
        await say(orchestrator, happened(client.user_id, crafted, 1))
        (first,) = await talk.events(1)
    for n in (2, 3):
        await say(orchestrator, happened(client.user_id, crafted, n))
    async with asyncio.timeout(5):
        while (await feed.position(client.user_id)).top < 3:
            await asyncio.sleep(0.01)

    resume = {"epoch": welcome["epoch"], "o": first["o"]}
    async with client.socket({"resume": resume}) as talk:
        recovered = await talk.next()
        missed = await talk.events(2)
        await say(orchestrator, happened(client.user_id, crafted, 4))
        after = await talk.events(1)

    assert (recovered["mode"], recovered["epoch"]) == ("recovered", welcome["epoch"])
    assert [event["o"] for event in [*missed, *after]] == [2, 3, 4]


@pytest.mark.parametrize("resume", [{"epoch": "another", "o": 0}, {"o": 99}])
async def test_who_comes_back_from_elsewhere_gets_a_snapshot(
    client: Any, resume: dict[str, Any]
) -> None:
    async with client.socket() as talk:
        epoch = (await talk.next())["epoch"]

    async with client.socket({"resume": {"epoch": epoch, **resume}}) as talk:
        welcome = await talk.next()

    assert (welcome["mode"], welcome["epoch"]) == ("snapshot", epoch)


async def test_progress_passes_through_without_an_offset(
    client: Any, orchestrator: RabbitBroker
) -> None:
    crafted = new_id()
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        key = f"u.{bucket_of(client.user_id)}"
        await say(orchestrator, progressed(client.user_id, crafted), routing_key=key)
        (event,) = await talk.events(1)

    assert event["cls"] == "latest"
    assert event["key"] == f"{crafted}/curation/day-3"
    assert "o" not in event
    assert event["data"]["tokens"] == 120


async def test_who_reads_along_is_told_of_to_the_workers_and_gets_the_text(
    client: Any, orchestrator: RabbitBroker, amqp_url: str
) -> None:
    """R2.1b: the workers hear it at once and again; what was written before is not sent."""
    crafted, wanted = new_id(), asyncio.Queue[TextWanted]()
    workers = connect(WORKERS, amqp_url)
    hear_on_every_replica(workers, WORKERS, TextWanted, wanted.put)
    live = {"routing_key": f"u.{bucket_of(client.user_id)}"}

    async with open_broker(workers), client.socket() as talk:
        await talk.next()
        await talk.next()
        await say(orchestrator, written(client.user_id, crafted, 0, "Too early."), **live)
        await say(orchestrator, progressed(client.user_id, crafted), **live)
        assert [passing["cls"] for passing in await talk.events(1)] == ["latest"]
        await talk.say({"t": "read", "journal": str(crafted)})
        heard = await asyncio.wait_for(wanted.get(), 10)
        await say(orchestrator, written(client.user_id, crafted, 10, "Before you write"), **live)
        (event,) = await talk.events(1)

    assert heard == TextWanted(journal_id=crafted, user_id=client.user_id)
    assert (event["cls"], event["type"], event["key"]) == (
        "token",
        TextWritten.name,
        f"{crafted}/curation/day-3/1",
    )
    assert (event["data"]["pos"], event["data"]["text"]) == (10, "Before you write")
    assert "o" not in event


async def test_nobody_is_told_of_other_peoples_journals(
    client: Any, orchestrator: RabbitBroker, happened: Any
) -> None:
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await say(orchestrator, happened(new_id(), new_id(), 1))
        await say(orchestrator, happened(client.user_id, new_id(), 1))
        (event,) = await talk.events(1)

    assert event["data"]["user_id"] == str(client.user_id)


async def test_what_is_lost_on_the_last_hop_is_fetched_at_the_next_heartbeat(
    client: Any, happened: Any, feed: Feed
) -> None:
    client.be(times=Times(heartbeat=0.05))
    lost = happened(client.user_id, new_id(), 1)

    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await feed.append(lost.user_id, lost.journal_id, lost.n, framed(lost))
        (event,) = await talk.events(1)
        ping = await talk.next()

    assert event["o"] == 1
    assert (ping["t"], ping["o"]) == ("ping", 1)


async def test_what_was_put_in_its_place_but_told_to_nobody_is_told_when_it_comes_again(
    client: Any, orchestrator: RabbitBroker, happened: Any, feed: Feed
) -> None:
    crafted = new_id()
    untold = [happened(client.user_id, crafted, n) for n in (1, 2)]

    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        for event in untold:
            await feed.append(event.user_id, event.journal_id, event.n, framed(event))
        await say(orchestrator, untold[0])
        events = await talk.events(2)

    assert [event["o"] for event in events] == [1, 2]


async def test_a_feed_that_begins_anew_sends_clients_for_a_snapshot(
    client: Any, orchestrator: RabbitBroker, happened: Any
) -> None:
    async with client.socket() as talk:
        before = await talk.next()
        await talk.next()
        await say(orchestrator, happened(client.user_id, new_id(), 7))
        bye = await talk.next()
        code = await talk.close_code()

    async with client.socket({"resume": {"epoch": before["epoch"], "o": 0}}) as talk:
        after = await talk.next()

    assert (bye["code"], bye["reconnect"], code) == (4410, True, 4410)
    assert after["mode"] == "snapshot"
    assert after["epoch"] != before["epoch"]


# --- decisions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "told", "result"),
    [
        (200, {"result": "accepted", "choice": CHOICE, "chosen_by": "user"}, "accepted"),
        (200, {"result": "already", "choice": CHOICE, "chosen_by": "user"}, "already"),
        (409, {"code": "decision_conflict", "choice": CHOICE, "chosen_by": "user"}, "conflict"),
        (410, {"code": "decision_expired", "choice": CHOICE, "chosen_by": "default"}, "expired"),
        (404, {"code": "decision_unknown"}, "unknown"),
    ],
)
async def test_every_answer_gets_its_verdict(
    client: Any, status: int, told: dict[str, Any], result: str
) -> None:
    crafted = new_id()

    async def answer(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"items": []})
        return JSONResponse({"decision_id": "title", "rev": 1, **told}, status)

    client.owners.answering = answer
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await talk.say(decide(crafted))
        verdict = await talk.next()

    assert (verdict["t"], verdict["id"], verdict["result"]) == ("decide.result", "mine", result)
    assert verdict.get("chosenBy") == told.get("chosen_by")
    assert verdict.get("choice", {}).get("text") == told.get("choice", {}).get("text")
    request, body = client.owners.asked[-1]
    assert request.url.path == f"/v1/journals/{crafted}/decisions/title"
    assert request.headers["idempotency-key"] == "mine"
    assert request.headers["authorization"] == f"Bearer {client.token}"
    assert request.headers["service-authorization"].startswith("Bearer ")
    assert b"Quiet Mornings" in body


@pytest.mark.parametrize(
    ("status", "result", "detail", "after_ms"),
    [
        (422, "invalid", "That was not offered.", None),
        (400, "invalid", "That was not offered.", None),
        (429, "unavailable", "This cannot be answered at the moment.", 2_000),
        (500, "unavailable", "This cannot be answered at the moment.", 2_000),
        (503, "unavailable", "This cannot be answered at the moment.", 2_000),
    ],
)
async def test_an_answer_without_a_verdict_is_refused_and_the_talk_goes_on(
    client: Any, status: int, result: str, detail: str, after_ms: int | None
) -> None:
    statuses = iter([status, 200])

    async def answer(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"items": []})
        told = {"detail": "That was not offered.", "decision_id": "title", "rev": 1}
        return JSONResponse({**told, "result": "accepted"}, next(statuses))

    client.owners.answering = answer
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await talk.say(decide(new_id()))
        refusal = await talk.next()
        await talk.say(decide(new_id()))
        verdict = await talk.next()

    assert (refusal["t"], refusal["id"], refusal["result"]) == ("decide.refused", "mine", result)
    assert (refusal["detail"], refusal["afterMs"] or None) == (detail, after_ms)
    assert verdict["result"] == "accepted"


async def test_an_answer_to_nobody_at_home_is_refused_for_now(
    unused_tcp_port: int,
) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}") as nowhere:
        library = Library(Owner("orchestrator", nowhere))
        refusal = await library.decide(Decide.model_validate(decide(new_id())), "a token")

    assert (refusal.t, refusal.result) == ("decide.refused", "unavailable")


@pytest.mark.parametrize(
    "choice", [{"option": "own", "text": "a\u202eb"}, {"option": ""}, {"mood": "sunny"}, "t1", None]
)
async def test_an_answer_of_no_right_shape_is_refused_by_its_id(client: Any, choice: Any) -> None:
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await talk.say({**decide(new_id()), "choice": choice})
        refusal = await talk.next()

    assert (refusal["t"], refusal["id"], refusal["result"]) == ("decide.refused", "mine", "invalid")


# --- who gets in, and who is sent away ----------------------------------------------------------


@pytest.mark.parametrize("subprotocols", [None, ["jcc.rt.v2"], ["chat"]])
async def test_other_protocols_are_not_spoken(client: Any, subprotocols: Any) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with client.socket(subprotocols=subprotocols):
            pass

    assert refused.value.response.status_code == 400
    assert b"unknown_subprotocol" in refused.value.response.body


async def test_foreign_pages_may_not_connect(client: Any) -> None:
    for origin in ("https://evil.example", "null", "https://studio.example.evil.example"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with client.socket(origin=origin):
                pass
        assert refused.value.response.status_code == 403

    host = client.http.base_url.netloc.decode()
    for origin in ("https://studio.example", f"http://{host}"):
        async with client.socket(origin=origin) as talk:
            assert (await talk.next())["t"] == "welcome"


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"token": "nonsense"}, 4401),
        ({"v": 2}, 4406),
        ({"t": "decide"}, 4400),
        ({"token": 7}, 4400),
        ({"resume": {"epoch": "e", "o": -1}}, 4400),
    ],
)
async def test_a_bad_hello_is_answered_with_its_reason(
    client: Any, hello: dict[str, Any], code: int
) -> None:
    async with client.socket(hello) as talk:
        bye = await talk.next()

        assert (bye["t"], bye["code"]) == ("bye", code)
        assert bye["reconnect"] == (code == 4401)
        assert await talk.close_code() == code


@pytest.mark.parametrize(
    "frame",
    ["{", '{"t":"pong","x":NaN}', '{"t":"pong","t":"pong"}', b"\x00", '{"t":"shout"}', "[7]"],
)
async def test_a_bad_frame_ends_the_talk(client: Any, frame: Any) -> None:
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await talk.say(frame)

        assert (await talk.next())["code"] == 4400
        assert await talk.close_code() == 4400


async def test_whoever_says_nothing_is_sent_away(client: Any) -> None:
    client.be(times=Times(hello=0.05))

    async with client.socket(silent=True) as talk:
        bye = await talk.next()

        assert (bye["code"], await talk.close_code()) == (4408, 4408)


async def test_an_expired_token_ends_the_talk(client: Any) -> None:
    client.be(times=Times(grace=0))

    async with client.socket({"token": client.owners.token(client.user_id, 2)}) as talk:
        await talk.next()
        await talk.next()
        bye = await talk.next()

    assert (bye["code"], bye["reconnect"]) == (4401, True)


async def test_the_next_token_carries_the_talk_on(client: Any) -> None:
    client.be(times=Times(grace=0, heartbeat=0.1))

    async with client.socket({"token": client.owners.token(client.user_id, 2)}) as talk:
        await talk.say({"t": "auth", "token": client.owners.token(client.user_id, 60)})
        await talk.say({"t": "auth", "token": client.owners.token(client.user_id, 1)})
        over = time.time() + 2.5
        heard = []
        while time.time() < over:
            heard.append((await talk.next())["t"])

    assert set(heard) == {"welcome", "snapshot", "ping"}


async def test_no_token_carries_on_what_has_ended(client: Any) -> None:
    connection = Connection(client.user_id)

    async def nothing(frames: Sequence[bytes]) -> None:
        """Nobody is told."""

    following = Following(client.sockets.sources, connection, nothing)

    async def talk() -> None:
        connection.end(RESUME)
        following.expire_at(time.time() + 600)
        await asyncio.sleep(PATIENCE)

    with pytest.raises(Ended) as ended:
        await following.live(talk, time.time() + 600)

    assert ended.value.why == RESUME


@pytest.mark.parametrize(("whose", "code"), [("another", 4400), ("nobody", 4401)])
async def test_only_the_same_users_token_does(client: Any, whose: str, code: int) -> None:
    token = client.owners.token(new_id()) if whose == "another" else "nonsense"

    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await talk.say({"t": "auth", "token": token})

        assert (await talk.next())["code"] == code


async def test_one_user_has_at_most_five_sockets(client: Any) -> None:
    async with (
        client.socket() as a,
        client.socket() as b,
        client.socket() as c,
        client.socket() as d,
        client.socket() as e,
    ):
        for talk in (a, b, c, d, e):
            assert (await talk.next())["t"] == "welcome"
        async with client.socket() as sixth:
            bye = await sixth.next()

    assert (bye["code"], bye["reconnect"]) == (4409, False)


async def test_without_redis_sockets_are_sent_away_and_requests_are_answered(
    client_without_redis: Any, journal: Any
) -> None:
    client = client_without_redis
    client.owners.journals = [journal()]

    async with client.socket() as talk:
        bye = await talk.next()
    shelf = await client.http.get("/v1/journals")
    ready = await client.http.get("/readyz")

    assert (bye["code"], bye["reconnect"]) == (1013, True)
    assert shelf.status_code == 200
    assert (ready.status_code, ready.json()["broker"]) == (503, "ready")


def ids(journals: list[Any]) -> list[str]:
    return [str(journal.id) for journal in journals]


def framed(event: PhaseStarted) -> bytes:
    return durable_frame(event.name, event.model_dump(mode="json"))


def decide(journal_id: Any) -> dict[str, Any]:
    return {
        "t": "decide",
        "id": "mine",
        "journal": str(journal_id),
        "decisionId": "title",
        "rev": 1,
        "choice": CHOICE,
    }


def progressed(user_id: UUID, journal_id: UUID) -> ProgressReported:
    step: Any = {"user_id": user_id, "journal_id": journal_id, "phase": "curation"}
    return ProgressReported(**step, part="day-3", agent="curator", doing="writing", tokens=120)


def written(user_id: UUID, journal_id: UUID, pos: int, text: str) -> TextWritten:
    step: Any = {"user_id": user_id, "journal_id": journal_id, "phase": "curation"}
    return TextWritten(**step, part="day-3", agent="content_curator", pos=pos, text=text)
