"""Sessions at the door: refresh tokens of browsers stay in a cookie, and an end is felt (R7.1c)."""

import asyncio
import json
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

import pytest
from faststream.rabbit import RabbitBroker
from joserfc import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.broker import say
from chassis.ids import new_id, now
from journal_contracts.events import SessionRevoked

TOKENS = {
    **{"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 600},
    **{"refresh_token": "first" * 5, "refresh_expires_in": 900},
}
WHO = {"email": "ada@example.com", "password": "correct horse battery"}
COOKIE = "__Secure-jcc-refresh"
OURS = {"Origin": "https://studio.example"}


def answering(client: Any, status: int, body: dict[str, Any]) -> None:
    async def answer(request: Request) -> Response:
        return JSONResponse(body, status)

    client.owners.answering = answer


async def test_a_native_client_has_its_refresh_token_in_the_body(client: Any) -> None:
    answering(client, 200, TOKENS)

    signed_in = await client.http.post("/v1/auth/login", json=WHO)
    order = {"refresh_token": TOKENS["refresh_token"]}
    agent = {"User-Agent": "phone"}
    refreshed = await client.http.post("/v1/auth/refresh", json=order, headers=agent)

    assert signed_in.json() == refreshed.json() == TOKENS
    assert "set-cookie" not in signed_in.headers
    request, body = client.owners.asked[-1]
    assert (json.loads(body), request.headers["user-agent"]) == (order, "phone")


async def test_a_browser_has_it_in_a_cookie_and_nowhere_else(client: Any) -> None:
    answering(client, 200, TOKENS)

    signed_in = await client.http.post("/v1/auth/login", json={**WHO, "cookie": True})

    cookie = SimpleCookie(signed_in.headers["set-cookie"])[COOKIE]
    assert "first" not in signed_in.text
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("first" * 5, "900", "/v1/auth")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "strict")
    assert signed_in.headers["cache-control"] == "no-store"


async def test_a_cookie_is_turned_on_pages_of_ours_alone(client: Any) -> None:
    answering(client, 200, TOKENS)
    headers = {"Cookie": f"{COOKIE}={'second' * 5}"}

    def post(more: dict[str, str]) -> Any:
        return client.http.post("/v1/auth/refresh", headers={**headers, **more})

    ours = await post(OURS)
    asked = len(client.owners.asked)
    foreign = [await post({"Origin": "https://studio.example.evil"}), await post({})]
    bare = await client.http.post("/v1/auth/refresh", headers=OURS)

    assert "first" not in ours.text
    assert SimpleCookie(ours.headers["set-cookie"])[COOKIE].value == "first" * 5
    assert json.loads(client.owners.asked[-1][1]) == {"refresh_token": "second" * 5}
    assert [(answer.status_code, answer.json()["code"]) for answer in foreign] == [
        (403, "foreign_page")
    ] * 2
    assert (bare.status_code, asked) == (401, len(client.owners.asked))


@pytest.mark.parametrize(("status", "kept"), [(401, False), (409, True), (503, True)])
async def test_a_cookie_that_is_no_good_is_taken_back_and_no_other(
    client: Any, status: int, kept: bool
) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"code": "x"}, status, media_type="application/problem+json")

    client.owners.answering = refuse
    headers = {"Cookie": f"{COOKIE}={'second' * 5}", **OURS}
    refused = await client.http.post("/v1/auth/refresh", headers=headers)

    assert refused.status_code == status
    assert ("set-cookie" not in refused.headers) == kept


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "logout", None),
        ("POST", "logout-everywhere", None),
        ("GET", "sessions", None),
        ("DELETE", f"sessions/{UUID(int=9)}", None),
        ("POST", "password", {"old": "x" * 15, "new": "y" * 15}),
        ("POST", "delete-account", {"password": "x" * 15}),
        ("POST", "totp", {"password": "x" * 15}),
        ("POST", "totp/confirm", {"code": "123456"}),
        ("POST", "totp/remove", {"password": "x" * 15, "code": "123456"}),
        ("POST", "verify/again", {"password": "x" * 15}),
        ("POST", "mail", {"password": "x" * 15, "email": "ada@example.com"}),
    ],
)
async def test_what_is_asked_of_sessions_reaches_auth_in_the_users_name(
    client: Any, method: str, path: str, body: dict[str, str] | None
) -> None:
    async def accept(request: Request) -> Response:
        return Response(status_code=204)

    client.owners.answering = accept
    answer = await client.http.request(method, f"/v1/auth/{path}", json=body)

    request, told = client.owners.asked[-1]
    assert answer.status_code == 204
    assert (request.method, request.url.path) == (method, f"/v1/auth/{path}")
    assert request.headers["authorization"] == f"Bearer {client.token}"
    assert (json.loads(told) if told else None) == body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("forgot", {"email": "ada@example.com"}),
        ("reset", {"token": "t" * 43, "new": "x" * 15}),
        ("verify", {"token": "t" * 43, "password": "x" * 15}),
        ("mail/confirm", {"token": "t" * 43, "password": "x" * 15}),
    ],
)
async def test_what_letters_are_for_is_asked_by_who_cannot_sign_in(
    client: Any, path: str, body: dict[str, str]
) -> None:
    answering(client, 202, {})
    answer = await client.http.post(f"/v1/auth/{path}", json=body, headers={"Authorization": ""})

    request, told = client.owners.asked[-1]
    assert answer.status_code == 202
    assert (request.url.path, json.loads(told)) == (f"/v1/auth/{path}", body)


async def test_a_letter_is_no_way_to_guess_without_end(client: Any) -> None:
    answering(client, 401, {})
    body = {"token": "g" * 43, "password": "x" * 15}
    statuses = [
        (await client.http.post("/v1/auth/verify", json=body)).status_code for _ in range(31)
    ]

    assert (statuses[0], statuses[-1]) == (401, 429)


async def test_the_sockets_and_streams_of_a_session_end_with_it(
    client: Any, orchestrator: RabbitBroker
) -> None:
    """4403 says: do not come back by yourself (R7.1d)."""
    session = UUID(jwt.decode(client.token, client.owners.key).claims["sid"])
    other = client.owners.token(client.user_id)
    ended = SessionRevoked(user_id=client.user_id, session_id=session, at=now(), reason="logout")
    async with (
        client.socket() as mine,
        client.socket({"token": other}) as others,
        client.http.stream("GET", "/v1/events") as stream,
    ):
        for talk in (mine, others):
            assert (await talk.next())["t"] == "welcome"
            assert (await talk.next())["t"] == "snapshot"
        lines = stream.aiter_lines()
        while '"snapshot"' not in await anext(lines):
            pass
        await say(orchestrator, ended)
        bye = await mine.next()
        async with asyncio.timeout(5):
            told = [line async for line in lines if "bye" in line]

        assert (bye["t"], bye["code"], bye["reconnect"]) == ("bye", 4403, False)
        assert await mine.close_code() == 4403
        assert '"code":4403' in told[0].replace(" ", "")
        assert others.raw.close_code is None

    again = await client.http.get("/v1/auth/me")
    async with client.socket() as late:
        assert (await late.next())["code"] == 4403
    assert (again.status_code, again.json()["code"]) == (401, "session_ended")


async def test_a_socket_that_goes_on_by_another_session_ends_with_that(
    client: Any, orchestrator: RabbitBroker
) -> None:
    next_token = client.owners.token(client.user_id, seconds=620)
    session = UUID(jwt.decode(next_token, client.owners.key).claims["sid"])
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await talk.say({"t": "auth", "token": next_token})
        await talk.say({"t": "decide", "id": "x", "journal": "none"})
        assert (await talk.next())["t"] == "decide.refused"
        await say(
            orchestrator,
            SessionRevoked(user_id=client.user_id, session_id=session, at=now(), reason="logout"),
        )

        assert (await talk.next())["code"] == 4403


async def test_the_end_of_somebody_elses_session_is_not_felt(
    client: Any, orchestrator: RabbitBroker
) -> None:
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        await say(
            orchestrator,
            SessionRevoked(user_id=client.user_id, session_id=new_id(), at=now(), reason="logout"),
        )
        await talk.say({"t": "decide", "id": "x", "journal": "none"})

        assert (await talk.next())["t"] == "decide.refused"
