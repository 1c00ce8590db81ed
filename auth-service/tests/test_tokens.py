"""Tokens hold where they should, and nowhere else."""

import base64
import hmac
import json
import time
from typing import Any

import httpx
import pytest
from joserfc import jwt

from chassis.calls import ASSERTION, ASSERTION_TYPE
from chassis.errors import Unauthorized
from chassis.identity import AUDIENCE, ISSUER, Verifier, new_key
from chassis.ids import new_id


@pytest.fixture
def verifier(door: Any) -> Verifier:
    return Verifier(door.client, "http://auth.test")


async def test_a_users_token_is_accepted_by_every_service(door: Any, verifier: Verifier) -> None:
    token = await door.sign_up_and_in()

    caller = await verifier.verify(token)

    me = await door.client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert str(caller.user_id) == me.json()["id"]
    assert caller.expires_at - time.time() == pytest.approx(600, abs=5)
    with pytest.raises(Unauthorized):
        await verifier.verify_service(token)


async def test_the_published_key_set_holds_no_secret(door: Any) -> None:
    current, following = (await door.client.get("/.well-known/jwks.json")).json()["keys"]

    assert current["kid"] == "signing-1"
    assert not {"d", "k"} & {*current, *following}


HEADER: dict[str, Any] = {"alg": "ES256", "typ": "at+jwt", "kid": "signing-1"}


WRONG_WORDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"typ": "JWT"}, {}),
    ({"typ": None}, {}),
    ({"kid": "another"}, {}),
    ({}, {"iss": "elsewhere"}),
    ({}, {"aud": "elsewhere"}),
    ({}, {"aud": None}),
    ({}, {"exp": 1}),
    ({}, {"exp": None}),
    ({}, {"exp": "4000000000"}),
    ({}, {"exp": float("nan")}),
    ({}, {"sub": "not an id"}),
    ({}, {"sub": None}),
    ({}, {"sid": None}),
    ({}, {"scope": "service"}),
    ({}, {"scope": None}),
    ({}, {"nbf": 4_000_000_000}),
]


async def test_a_token_with_one_wrong_word_does_not_hold(door: Any, verifier: Verifier) -> None:
    good = jwt.encode(HEADER, user_claims(), door.signing_key)
    assert await verifier.verify(good)

    for header, claims in WRONG_WORDS:
        words = without_nones({**HEADER, **header}), without_nones({**user_claims(), **claims})
        bad = jwt.encode(*words, door.signing_key, default_type=None)
        with pytest.raises(Unauthorized):
            await verifier.verify(bad)


async def test_a_token_nobody_signed_does_not_hold(door: Any, verifier: Verifier) -> None:
    public = door.signing_key.as_pem(private=False)
    forged = [
        f"{part({**HEADER, 'alg': 'none'})}.{part(user_claims())}.",
        hs256(user_claims(), secret=public),
        jwt.encode(HEADER, user_claims(), new_key("signing-1")),
        jwt.encode(HEADER, user_claims(), door.signing_key)[:-6] + "AAAAAA",
        "x" * 9_000,
        "a.b.c",
        "",
    ]

    for token in forged:
        with pytest.raises(Unauthorized):
            await verifier.verify(token)


async def test_a_service_gets_a_token_for_a_fresh_assertion(door: Any, verifier: Verifier) -> None:
    answer = await ask(door, assertion(door))

    token = answer.json()["access_token"]
    assert answer.json()["expires_in"] == 300
    assert answer.headers["cache-control"] == "no-store"
    service = await verifier.verify_service(token)
    assert (service.name, service.scopes) == ("gateway-service", frozenset())
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_an_assertion_holds_once(door: Any) -> None:
    shown = assertion(door)
    first = await ask(door, shown)

    second = await ask(door, shown)

    assert first.status_code == 200
    assert (second.status_code, second.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_with_one_wrong_word_gets_nothing(door: Any) -> None:
    for wrong in (
        {"iss": "media-service"},
        {"sub": "media-service"},
        {"aud": "elsewhere"},
        {"exp": 1},
        {"exp": 4_000_000_000},
        {"exp": float("inf")},
        {"jti": None},
        {"exp": None},
    ):
        answer = await ask(door, assertion(door, **wrong))

        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_client")


async def test_only_known_services_with_their_own_key_get_tokens(door: Any) -> None:
    stranger = jwt.encode(
        {"alg": "ES256", "typ": ASSERTION_TYPE, "kid": "stranger"},
        assertion_claims("stranger"),
        new_key("stranger"),
    )
    impostor = jwt.encode(
        {"alg": "ES256", "typ": ASSERTION_TYPE, "kid": "gateway-service"},
        assertion_claims("gateway-service"),
        new_key("gateway-service"),
    )
    untyped = jwt.encode(
        {"alg": "ES256", "kid": "gateway-service"},
        assertion_claims("gateway-service"),
        door.gateway_key,
    )

    statuses = {
        (await ask(door, shown)).status_code for shown in (stranger, impostor, untyped, "a.b.c")
    }

    assert statuses == {401}


def user_claims() -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(new_id()),
        "sid": str(new_id()),
        "jti": str(new_id()),
        "scope": "user",
        "iat": int(time.time()),
        "exp": int(time.time()) + 60,
    }


def assertion_claims(service: str) -> dict[str, Any]:
    return {
        "iss": service,
        "sub": service,
        "aud": ISSUER,
        "jti": str(new_id()),
        "exp": int(time.time()) + 60,
    }


def assertion(door: Any, **wrong: Any) -> str:
    claims = without_nones({**assertion_claims("gateway-service"), **wrong})
    header = {"alg": "ES256", "typ": ASSERTION_TYPE, "kid": "gateway-service"}
    return jwt.encode(header, claims, door.gateway_key)


async def ask(door: Any, shown: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": shown,
    }
    answer: httpx.Response = await door.client.post("/v1/auth/token", data=form)
    return answer


def without_nones(words: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in words.items() if value is not None}


def hs256(claims: dict[str, Any], secret: bytes) -> str:
    signed = f"{part({**HEADER, 'alg': 'HS256'})}.{part(claims)}"
    digest = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def part(words: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")
