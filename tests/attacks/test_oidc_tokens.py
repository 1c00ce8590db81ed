"""Tokens that no honest provider signs, and what is not for this door (R7.1a)."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws

from chassis.ids import new_id
from journalcraft.platform import Platform
from tests.openid.browser import Browser, asked_in
from tests.openid.liar import Liar
from tests.openid.provider import CLIENT, SECRET

from .oidc import DRAWN, LIAR, back, brought, lied_in, named, somebody, told

NOW: Final = int(time.time())


def letters(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def encoded(part: dict[str, Any]) -> str:
    return letters(json.dumps(part).encode())


def unsigned(liar: Liar, claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}."


def with_secret(secret: bytes) -> Callable[[Liar, dict[str, Any]], str]:
    def sign(liar: Liar, claims: dict[str, Any]) -> str:
        said = f"{encoded({'alg': 'HS256', 'kid': 'liar'})}.{encoded(claims)}"
        return f"{said}.{letters(hmac.digest(secret, said.encode(), 'sha256'))}"

    return sign


def with_public_key(liar: Liar, claims: dict[str, Any]) -> str:
    return with_secret(liar.key.as_pem(private=False))(liar, claims)


def with_own_key(liar: Liar, claims: dict[str, Any]) -> str:
    own = named("liar")
    return liar.signed(claims, own, jwk=own.as_dict(private=False))


def with_key_elsewhere(liar: Liar, claims: dict[str, Any]) -> str:
    return liar.signed(claims, named("other"), jku="https://evil.example/jwks")


def with_a_condition(liar: Liar, claims: dict[str, Any]) -> str:
    head = {"alg": "RS256", "kid": "liar", "crit": ["exp"], "exp": claims["exp"]}
    said = f"{encoded(head)}.{encoded(claims)}"
    key = liar.key.private_key
    assert key is not None
    return f"{said}.{letters(key.sign(said.encode(), PKCS1v15(), SHA256()))}"


def flipped(liar: Liar, claims: dict[str, Any]) -> str:
    token = liar.signed(claims)
    return token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]


def exchanged(liar: Liar, claims: dict[str, Any]) -> str:
    head, _, signature = liar.signed(claims).split(".")
    return f"{head}.{encoded({**claims, 'sub': 'victim'})}.{signature}"


def nested(liar: Liar, claims: dict[str, Any]) -> str:
    signed = liar.signed(claims).encode()
    return jws.serialize_compact({"alg": "RS256", "kid": "liar"}, signed, liar.key)


FORGED: Final[dict[str, Callable[[Liar, dict[str, Any]], Any]]] = {
    "alg none": unsigned,
    "HS256 with the client's secret": with_secret(SECRET.encode()),
    "HS256 with the public key": with_public_key,
    "HS256 with nothing": with_secret(b"\0" * 32),
    "a key of its own in the header": with_own_key,
    "a key elsewhere": with_key_elsewhere,
    "one letter": flipped,
    "another's claims": exchanged,
    "a token in a token": nested,
    "crit": with_a_condition,
    "no token": lambda liar, claims: None,
    "no text": lambda liar, claims: 7,
    "noise": lambda liar, claims: "a.b.c",
    "empty": lambda liar, claims: "",
    "five parts": lambda liar, claims: ".".join("abcde"),
}


@pytest.mark.parametrize("attack", FORGED)
async def test_a_forged_token_brings_nobody(browser: Browser, liar: Liar, attack: str) -> None:
    url = await browser.leave(LIAR)
    token = FORGED[attack](liar, liar.claims(url, somebody()))

    answer = await brought(browser, liar, token, url)

    assert told(answer) == (401, "provider_refused")
    assert told(await browser.let_in()) == (410, "visit_void")


CLAIMED: Final[dict[str, dict[str, Any]]] = {
    "iss of another": {"iss": "https://accounts.example"},
    "iss with a slash": {"iss": "/"},
    "no iss": {"iss": None},
    "aud of another": {"aud": "another-client"},
    "aud of both": {"aud": [CLIENT, "another-client"]},
    "aud of both, azp ours": {"aud": [CLIENT, "another-client"], "azp": CLIENT},
    "aud of nobody": {"aud": []},
    "no aud": {"aud": None},
    "azp of another": {"azp": "another-client"},
    "nonce of another visit": {"nonce": DRAWN},
    "no nonce": {"nonce": None},
    "nonce of a list": {"nonce": [DRAWN]},
    "expired": {"exp": NOW - 120, "iat": NOW - 420},
    "no exp": {"exp": None},
    "exp as text": {"exp": str(NOW + 300)},
    "exp as truth": {"exp": True},
    "exp without end": {"exp": float("inf")},
    "exp no number": {"exp": float("nan")},
    "from tomorrow": {"iat": NOW + 86_400},
    "not yet": {"nbf": NOW + 86_400},
    "no iat": {"iat": None},
    "no sub": {"sub": None},
    "an empty sub": {"sub": ""},
    "a sub of 3000": {"sub": "x" * 3_000},
    "a sub with NUL": {"sub": "a\0b"},
    "a sub that is a number": {"sub": 7},
    "a sub that is a list": {"sub": ["a"]},
    "auth_time as text": {"auth_time": "now"},
    "auth_time of another age": {"auth_time": 10**18},
    "at_hash of another token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("attack", CLAIMED)
async def test_a_token_for_another_purpose_brings_nobody(
    browser: Browser, liar: Liar, attack: str
) -> None:
    """Signed as it should be, by the provider that was asked."""
    url = await browser.leave(LIAR)
    token = liar.signed(liar.claims(url, somebody(), **CLAIMED[attack]))

    answer = await brought(browser, liar, token, url)

    assert told(answer) == (401, "provider_refused")
    assert told(await browser.let_in()) == (410, "visit_void")


async def test_an_honest_token_brings_somebody(browser: Browser, liar: Liar) -> None:
    """Or those above would prove nothing."""
    assert (await lied_in(browser, liar, somebody(), aud=[CLIENT], azp=CLIENT)).status_code == 200


async def test_userinfo_of_somebody_else_is_not_believed(browser: Browser, liar: Liar) -> None:
    victim = somebody()
    liar.answers["/me"] = {"sub": victim, "email": victim, "email_verified": True}

    answer = await lied_in(browser, liar, somebody(), email=None, email_verified=None)

    assert told(answer) == (401, "provider_refused")


async def test_no_log_has_a_code_a_token_or_a_secret(
    browser: Browser, liar: Liar, platform: Platform
) -> None:
    """Right ones, and those that were refused."""
    who = somebody()
    url = await browser.leave(LIAR)
    good = liar.signed(liar.claims(url, who))
    bad = liar.signed(liar.claims(url, who, aud="another-client"))
    canaries = [SECRET, good, bad, asked_in(url)["state"], asked_in(url)["nonce"], browser.cookie]
    for token in (bad, good):
        url = await browser.leave(LIAR)
        canaries += [asked_in(url)["state"], browser.cookie, code := f"canary-{new_id()}"]
        liar.give(token)
        await browser.come_back(back(url, code=code, iss=liar.issuer))
        await browser.let_in()

    logs = "".join(file.read_text() for file in (platform.state / "logs").glob("*.log"))
    assert "oidc_refused" in logs
    assert [canary for canary in canaries if canary in logs] == []
    assert who not in logs
