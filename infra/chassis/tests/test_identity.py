"""What is remembered of tokens is worth no more than the tokens are (R7.1a, R7.1d)."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from chassis.claims import AUDIENCE, ISSUER, TOKEN_TYPE
from chassis.errors import Unauthorized, Unavailable
from chassis.identity import Truth, Verifier, new_key
from chassis.ids import new_id
from chassis.remembered import KEPT_SECONDS, Revoked, SessionEnded

USER = UUID(int=7)


@dataclass
class Auth:
    """An auth service that says what a test wants it to."""

    keys: list[ECKey] = field(default_factory=lambda: [new_key("one")])
    truth: Any = None
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path.endswith("jwks.json"):
            return httpx.Response(200, json=KeySet(self.keys).as_dict(private=False))
        if isinstance(self.truth, Exception):
            raise self.truth
        return httpx.Response(200, json=self.truth)

    def token(self, session_id: UUID, *, seconds: int = 600, key: int = 0) -> str:
        claims = {
            **{"iss": ISSUER, "aud": AUDIENCE, "sub": str(USER), "sid": str(session_id)},
            **{"scope": "user", "exp": int(time.time()) + seconds, "auth_time": 5},
        }
        header = {"alg": "ES256", "typ": TOKEN_TYPE, "kid": self.keys[key].kid}
        return jwt.encode(header, claims, self.keys[key])


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def client(auth: Auth) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.MockTransport(auth.answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://auth") as client:
        yield client


@pytest.fixture
def verifier(client: httpx.AsyncClient) -> Verifier:
    return Verifier(client, "http://auth")


async def test_a_token_is_read_once_and_not_after_its_end(
    auth: Auth, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = auth.token(new_id(), seconds=60)
    first, second = await verifier.verify(token), await verifier.verify(token)
    assert first == second
    assert first.auth_time == 5

    begun = time.time()
    monkeypatch.setattr(time, "time", lambda: begun + 61)
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_a_session_that_was_dropped_is_over_whatever_was_remembered(
    auth: Auth, verifier: Verifier
) -> None:
    mine, others = new_id(), new_id()
    token, other = auth.token(mine), auth.token(others)
    await verifier.verify(token)

    assert (verifier.drop(mine), verifier.drop(mine)) == (True, False)

    with pytest.raises(SessionEnded):
        await verifier.verify(token)
    assert (await verifier.verify(other)).session_id == others


async def test_nobody_gets_in_before_it_is_known_who_must_not(
    auth: Auth, verifier: Verifier
) -> None:
    verifier.revoked.complete = False

    with pytest.raises(Unavailable):
        await verifier.verify(auth.token(new_id()))


async def test_a_key_that_is_retired_opens_nothing(auth: Auth, verifier: Verifier) -> None:
    auth.keys.append(new_key("two"))
    old, new = auth.token(new_id()), auth.token(new_id(), key=1)
    await verifier.verify(old)

    verifier.keep_keys(["two"])
    auth.keys.pop(0)

    with pytest.raises(Unauthorized):
        await verifier.verify(old)
    assert await verifier.verify(new)


async def test_a_token_from_far_ahead_does_not_hold(auth: Auth, verifier: Verifier) -> None:
    with pytest.raises(Unauthorized):
        await verifier.verify(auth.token(new_id(), seconds=86_400))


async def test_the_truth_is_asked_each_time_and_nobody_to_ask_is_no(
    auth: Auth, client: httpx.AsyncClient
) -> None:
    truth = Truth(client)
    auth.truth = {"active": True, "scope": "user operator"}
    assert await truth.scopes_of("t") == {"user", "operator"}

    auth.truth = {"active": False}
    with pytest.raises(SessionEnded):
        await truth.scopes_of("t")
    for nonsense in (httpx.ConnectError("away"), httpx.ReadTimeout("hung"), {"scope": "user"}):
        auth.truth = nonsense
        with pytest.raises(Unavailable):
            await truth.scopes_of("t")


def test_what_was_revoked_is_forgotten_when_no_token_can_be_left() -> None:
    moment = [0.0]
    revoked = Revoked(lambda: moment[0])
    first, second = new_id(), new_id()
    revoked.add(first)

    moment[0] = KEPT_SECONDS + 1
    revoked.add(second)

    revoked.check(first)
    with pytest.raises(SessionEnded):
        revoked.check(second)
