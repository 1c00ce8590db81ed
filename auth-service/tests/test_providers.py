"""A provider that says odd things of itself is away; nobody is sent where it points (R7.1c)."""

import gzip
import json
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx
import pytest
from pydantic import ValidationError
from tests.openid.liar import DISCOVERY, Liar
from tests.openid.provider import CLIENT, SECRET, told_of

from auth_service import providers
from auth_service.outside import ProviderAway
from auth_service.providers import NoSuchProvider, Provider, Providers, ProviderTold
from journalcraft.servers.ports import ALONE, reserve

DOOR: Final = "https://journal.test"
NOBODYS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
DRAWN: Final = ("s" * 43, "n" * 43, "v" * 43)


@pytest.fixture(scope="module")
def standing() -> Iterator[Liar]:
    ports = reserve([ALONE])
    liar = Liar(ports.numbers[0])
    liar.start()
    yield liar
    liar.stop()
    ports.release()


@pytest.fixture
def liar(standing: Liar) -> Liar:
    standing.behave()
    return standing


@pytest.fixture
async def provider(liar: Liar) -> AsyncIterator[Provider]:
    """One that nobody has asked yet."""
    async with httpx.AsyncClient(timeout=providers.PATIENCE, verify=NOBODYS) as client:
        told = ProviderTold.model_validate(told_of("liar", liar.port))
        yield Provider(told, client, DOOR)


async def test_a_browser_is_sent_with_a_challenge_and_to_come_back_to_one_place(
    provider: Provider, liar: Liar
) -> None:
    url = httpx.URL(await provider.address(*DRAWN, prompt="login"))

    asked = dict(url.params)
    challenge = asked.pop("code_challenge")
    assert str(url).startswith(f"{liar.issuer}/auth?")
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{DOOR}/v1/auth/oidc/liar/callback",
        "scope": "openid email",
        "state": DRAWN[0],
        "nonce": DRAWN[1],
        "code_challenge_method": "S256",
        "prompt": "login",
    }
    assert len(challenge) == 43
    assert DRAWN[2] not in str(url)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"issuer": "https://accounts.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"jwks_uri": 7},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "http://journal.internal/me"},
    ],
    ids=str,
)
async def test_what_it_says_of_itself_is_read_strictly(
    provider: Provider, liar: Liar, otherwise: dict[str, Any]
) -> None:
    liar.answers[DISCOVERY] = liar.described(**otherwise)

    with pytest.raises(ProviderAway):
        await provider.address(*DRAWN)

    assert liar.asked == [DISCOVERY]


PACKED: Final = gzip.compress(b" " * 10_000_000)
ANSWERS: Final[dict[str, tuple[int, dict[str, str], bytes]]] = {
    "an error": (500, {}, b"{}"),
    "nothing there": (404, {}, b"{}"),
    "too often": (429, {}, b"{}"),
    "elsewhere": (302, {"Location": "http://169.254.169.254/"}, b""),
    "a page": (200, {}, b"<html>"),
    "a list": (200, {}, b"[]"),
    "too deep": (200, {}, b"[" * 100_000),
    "too much": (200, {}, b" " * 300_000),
    "packed": (200, {"Content-Encoding": "gzip"}, PACKED),
    "cut off": (200, {"Content-Length": "900"}, b"{"),
    "not UTF-8": (200, {}, b'{"issuer": "\xff"}'),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("where", [DISCOVERY, "/jwks", "/me"])
async def test_an_odd_answer_is_none(
    provider: Provider, liar: Liar, answer: str, where: str
) -> None:
    liar.answers[where] = lambda: ANSWERS[answer]
    claims = liar.claims(f"?nonce={DRAWN[1]}", "somebody", email=None)
    liar.give(liar.signed(claims))

    with pytest.raises(ProviderAway):
        await provider.redeem("a-code", DRAWN[2], DRAWN[1])


async def test_all_of_it_has_its_time(
    provider: Provider, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is shared out among documents."""
    waits = threading.Event()

    def hang() -> tuple[int, dict[str, str], bytes]:
        waits.wait(20)
        return 200, {}, json.dumps(liar.described()).encode()

    liar.answers[DISCOVERY] = hang
    monkeypatch.setattr(providers, "IN_ALL", 0.2)
    began = time.monotonic()

    with pytest.raises(ProviderAway):
        await provider.redeem("a-code", *DRAWN[1:])

    waits.set()
    assert time.monotonic() - began < 5


async def test_a_secret_in_wrong_settings_is_in_no_error(liar: Liar) -> None:
    wrong = json.dumps([{**told_of("liar", liar.port), "name": "NOT A NAME"}])

    with pytest.raises(ValidationError) as refusal:
        async with Providers.open(wrong, DOOR):
            pass

    assert SECRET not in str(refusal.value)


async def test_a_provider_that_nobody_named_is_not_there() -> None:
    async with Providers.open("[]", DOOR) as none:
        with pytest.raises(NoSuchProvider):
            none.named("liar")
