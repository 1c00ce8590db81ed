"""Tokens nobody gave out, and tokens given out for something else, at every service (R7.1a)."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from chassis.calls import ASSERTION_TYPE
from chassis.identity import SERVICE_HEADER, new_key
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH, GATEWAY, ORCHESTRATOR

from .forging import GONE, Forger, b64, unb64
from .street import House, Street, Visitor

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""
AHEAD: Final = 4_000_000_000
DEEP: Final = "[" * 2_500 + "]" * 2_500
KEYS_SECONDS: Final = 30
"""What a replica may take at most to hear of keys: six times what it should."""
EVIL: Final = "https://evil.example/keys.json"


@pytest.fixture(scope="module")
def seen(street: Street) -> str:
    """A token that holds."""

    async def sign_in() -> str:
        async with street.visitor() as visitor:
            who = await visitor.sign_up()
            return str((await visitor.sign_in(who))["access_token"])

    return asyncio.run(sign_in())


@pytest.fixture
def forger(street: Street, seen: str) -> Forger:
    return Forger(street.signing, street.gateway_key, new_key(str(street.signing.kid)), seen)


async def refused(visitor: Visitor, token: str, house: House) -> None:
    answer = await visitor.ask(house, token)
    assert answer.status_code == 401, (house.service, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"


async def refused_everywhere(visitor: Visitor, token: str) -> None:
    """By every service that verifies tokens, and all of them answer still."""
    for house in visitor.street.houses:
        await refused(visitor, token, house)


def pem(key: ECKey) -> bytes:
    return bytes(key.as_pem(private=False))


def public(key: ECKey) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


Forging = Callable[[Forger], str]
FORGED: Final[dict[str, Forging]] = {
    "nothing": lambda f: "x",
    "two dots": lambda f: "..",
    "no signature": lambda f: f.seen.rpartition(".")[0] + ".",
    "no third part": lambda f: f.seen.rpartition(".")[0],
    "a fourth part": lambda f: f.seen + ".x",
    "five parts, as if encrypted": lambda f: f.seen + ".x.y",
    "twice the same": lambda f: f.seen + f.seen,
    "padding": lambda f: f.seen + "==",
    "standard base64": lambda f: f.seen.replace("-", "+").replace("_", "/") + "+",
    "a flattened JSON token": lambda f: json.dumps({"payload": "x", "signature": "y"}),
    "too long": lambda f: f.says(filler="x" * 9_000),
    # algorithms
    "alg none": lambda f: f.sealed(b"", alg="none"),
    "alg None": lambda f: f.sealed(b"", alg="None"),
    "alg NONE": lambda f: f.sealed(b"", alg="NONE"),
    "alg none with a signature": lambda f: f.headed(alg="none"),
    "alg missing": lambda f: f.headed(alg=GONE),
    "alg a number": lambda f: f.headed(alg=256),
    "alg a list": lambda f: f.headed(alg=["ES256"]),
    "alg empty": lambda f: f.headed(alg=""),
    "alg ES384": lambda f: f.headed(alg="ES384"),
    "alg es256": lambda f: f.headed(alg="es256"),
    "HS256 with the public PEM": lambda f: f.mac("HS256", pem(f.key)),
    "HS384 with the public PEM": lambda f: f.mac("HS384", pem(f.key)),
    "HS512 with the public PEM": lambda f: f.mac("HS512", pem(f.key)),
    "HS256 with the public JWK": lambda f: f.mac("HS256", json.dumps(public(f.key)).encode()),
    "HS256 with x": lambda f: f.mac("HS256", unb64(public(f.key)["x"])),
    "HS256 with nothing": lambda f: f.mac("HS256", b""),
    # keys that come along
    "jwk": lambda f: f.headed(f.own, jwk=public(f.own)),
    "jwk under the real signature": lambda f: f.headed(jwk=public(f.key)),
    "jku": lambda f: f.headed(f.own, jku=EVIL),
    "jku under the real signature": lambda f: f.headed(jku=EVIL),
    "x5u": lambda f: f.headed(f.own, x5u=EVIL),
    "x5c": lambda f: f.headed(f.own, x5c=[b64(pem(f.own))]),
    "x5t": lambda f: f.headed(x5t="x"),
    "their own key": lambda f: f.headed(f.own),
    # names of keys
    "kid missing": lambda f: f.headed(kid=GONE),
    "kid null": lambda f: f.headed(kid=None),
    "kid a number": lambda f: f.headed(kid=1),
    "kid a list": lambda f: f.headed(kid=[f.key.kid]),
    "kid a table": lambda f: f.headed(kid={"$ne": ""}),
    "kid empty": lambda f: f.headed(kid=""),
    "kid a path": lambda f: f.headed(f.own, kid="../../../../dev/null"),
    "kid a query": lambda f: f.headed(f.own, kid="' union select 'x' --"),
    "kid a command": lambda f: f.headed(f.own, kid="$(id)|id"),
    "kid with NUL": lambda f: f.headed(kid=f"{f.key.kid}\0"),
    "kid in capitals": lambda f: f.headed(kid=str(f.key.kid).upper()),
    "kid of a service": lambda f: f.headed(f.service_key, kid=f.service_key.kid),
    "kid of nobody": lambda f: f.headed(f.own, kid="next-year"),
    # extensions
    "crit": lambda f: f.headed(crit=["iat_ms"], iat_ms=1),
    "crit empty": lambda f: f.headed(crit=[]),
    "crit of a name that is not there": lambda f: f.headed(crit=["exp"]),
    "b64 false": lambda f: f.headed(b64=False, crit=["b64"]),
    "zip": lambda f: f.headed(zip="DEF"),
    "cty": lambda f: f.headed(cty="JWT"),
    # types
    "typ JWT": lambda f: f.headed(typ="JWT"),
    "typ missing": lambda f: f.headed(typ=GONE),
    "typ null": lambda f: f.headed(typ=None),
    "typ in capitals": lambda f: f.headed(typ="AT+JWT"),
    "typ of an assertion": lambda f: f.headed(typ=ASSERTION_TYPE),
    "an assertion": lambda f: f.headed(f.service_key, typ=ASSERTION_TYPE, kid=f.service_key.kid),
    # who says it, and to whom
    "iss elsewhere": lambda f: f.says(iss="elsewhere"),
    "iss missing": lambda f: f.says(iss=GONE),
    "iss a list": lambda f: f.says(iss=["journal-craft-crew"]),
    "iss with a slash": lambda f: f.says(iss="journal-craft-crew/"),
    "aud elsewhere": lambda f: f.says(aud="elsewhere"),
    "aud missing": lambda f: f.says(aud=GONE),
    "aud empty": lambda f: f.says(aud=[]),
    "aud of others": lambda f: f.says(aud=["elsewhere", "journal"]),
    "aud a table": lambda f: f.says(aud={"journal-craft-crew": 1}),
    # times
    "exp missing": lambda f: f.says(exp=GONE),
    "exp null": lambda f: f.says(exp=None),
    "exp past": lambda f: f.says(exp=int(time.time()) - 1),
    "exp now": lambda f: f.says(exp=int(time.time())),
    "exp zero": lambda f: f.says(exp=0),
    "exp negative": lambda f: f.says(exp=-AHEAD),
    "exp far ahead": lambda f: f.says(exp=AHEAD),
    "exp in milliseconds": lambda f: f.says(exp=int(time.time() * 1_000) + 300_000),
    "exp beyond all numbers": lambda f: f.says(exp=10**400),
    "exp a text": lambda f: f.says(exp=str(int(time.time()) + 300)),
    "exp a fraction": lambda f: f.says(exp=time.time() + 300.5),
    "exp true": lambda f: f.says(exp=True),
    "exp a list": lambda f: f.says(exp=[int(time.time()) + 300]),
    "exp NaN": lambda f: f.says(exp=float("nan")),
    "exp infinite": lambda f: f.says(exp=float("inf")),
    "nbf ahead": lambda f: f.says(nbf=int(time.time()) + 200),
    "nbf a text": lambda f: f.says(nbf="0"),
    "iat ahead": lambda f: f.says(iat=int(time.time()) + 200),
    "iat true": lambda f: f.says(iat=True),
    "auth_time a text": lambda f: f.says(auth_time="9999999999"),
    # whom it speaks for
    "sub missing": lambda f: f.says(sub=GONE),
    "sub no id": lambda f: f.says(sub="admin"),
    "sub a list": lambda f: f.says(sub=["admin"]),
    "sub of a service": lambda f: f.says(sub=GATEWAY, scope="service"),
    "sid missing": lambda f: f.says(sid=GONE),
    "sid no id": lambda f: f.says(sid="x"),
    "sid a number": lambda f: f.says(sid=1),
    "scope missing": lambda f: f.says(scope=GONE),
    "scope of a service": lambda f: f.says(scope="service"),
    "scope of both": lambda f: f.says(scope="user service"),
    # shapes under the real signature
    "a list for claims": lambda f: f.signed(claims="[]  "),
    "a null for claims": lambda f: f.signed(claims="null"),
    "no JSON for claims": lambda f: f.signed(claims="exp=9"),
    "deep claims": lambda f: f.signed(claims=DEEP),
    "a list for a header": lambda f: f.signed(header="[]  "),
    "a text for a header": lambda f: f.signed(header='"ES256"'),
    "no JSON for a header": lambda f: f.signed(header="alg=ES256"),
    "a deep header": lambda f: f.signed(header=DEEP, claims="{}"),
    "half a character": lambda f: f.signed(header='{"alg":"\\ud800"}'),
    # signatures
    "a signature of nothing": lambda f: f.sealed(bytes(64)),
    "a signature of the group's order": lambda f: f.sealed(ORDER.to_bytes(32, "big") * 2),
    "r and s of one": lambda f: f.sealed((1).to_bytes(32, "big") * 2),
    "a signature as ASN.1": lambda f: f.der(),
    "half a signature": lambda f: f.with_signature(lambda s: s[:32]),
    "a longer signature": lambda f: f.with_signature(lambda s: s + b"\0"),
    "halves exchanged": lambda f: f.with_signature(lambda s: s[32:] + s[:32]),
    "another token's signature": lambda f: f"{f.says().rpartition('.')[0]}.{f.seen.split('.')[2]}",
}


async def test_the_token_that_was_seen_holds(visitor: Visitor, seen: str) -> None:
    answers = [await visitor.ask(house, seen) for house in visitor.street.houses]

    assert [answer.status_code for answer in answers] == [200] * 4


@pytest.mark.parametrize("attack", FORGED)
async def test_a_forged_token_opens_nothing(visitor: Visitor, forger: Forger, attack: str) -> None:
    await refused_everywhere(visitor, FORGED[attack](forger))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [500, pytest.param(10_000, marks=pytest.mark.deep)])
async def test_one_flipped_bit_opens_nothing(visitor: Visitor, seen: str, times: int) -> None:
    """Of header, claims or signature; 401 and never 500, at one service after the other."""
    dice = random.Random(times)
    raw = [unb64(part) for part in seen.split(".")]
    houses = visitor.street.houses

    async def flip(number: int) -> None:
        part = dice.randrange(3)
        bit = dice.randrange(8 * len(raw[part]))
        changed = bytearray(raw[part])
        changed[bit // 8] ^= 1 << bit % 8
        words = [b64(bytes(changed)) if at == part else b64(each) for at, each in enumerate(raw)]
        await refused(visitor, ".".join(words), houses[number % len(houses)])

    for start in range(0, times, 20):
        await asyncio.gather(*(flip(start + number) for number in range(20)))
    assert (await visitor.ask(houses[0], seen)).is_success


async def test_a_flipped_last_letter_opens_nothing(visitor: Visitor, seen: str) -> None:
    """Its lowest bits say nothing: a lenient reader takes sixteen texts for one signature."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    house = visitor.street.houses[0]
    for letter in set(letters) - {seen[-1]}:
        await refused(visitor, seen[:-1] + letter, house)


async def test_a_token_of_three_megabytes_is_thrown_away(visitor: Visitor, seen: str) -> None:
    huge = seen + "x" * 3_000_000
    for house in visitor.street.houses:
        try:
            answer = await visitor.ask(house, huge)
        except httpx.TransportError:
            continue  # hung up on: as good an answer
        assert answer.status_code in {400, 401, 431}
    for house in visitor.street.houses:
        assert (await visitor.ask(house, seen)).is_success


@pytest.mark.parametrize("scheme", ["Basic", "Token", "BearerX", "", "Bearer,"])
async def test_another_scheme_is_none(visitor: Visitor, seen: str, scheme: str) -> None:
    for house in visitor.street.houses:
        headers = {"Authorization": f"{scheme} {seen}".strip()}
        assert (await visitor.http.get(house.question, headers=headers)).status_code == 401


@pytest.mark.parametrize("place", ["access_token", "token", "jwt", "authorization"])
async def test_a_token_in_the_address_or_a_cookie_is_not_looked_at(
    visitor: Visitor, seen: str, place: str
) -> None:
    for house in visitor.street.houses:
        address = f"{house.question}?{place}={seen}"
        cookie = {"Cookie": f"{place}={seen}"}
        assert (await visitor.http.get(address, headers=cookie)).status_code == 401


async def test_a_service_is_no_user(visitor: Visitor) -> None:
    await refused_everywhere(visitor, visitor.service_token)


async def test_a_user_is_no_service(visitor: Visitor, seen: str) -> None:
    for house in visitor.street.of(ORCHESTRATOR):
        headers = {"Authorization": f"Bearer {seen}", SERVICE_HEADER: f"Bearer {seen}"}
        assert (await visitor.http.get(house.question, headers=headers)).status_code == 401


async def test_behind_the_door_a_user_alone_is_nobody(visitor: Visitor, seen: str) -> None:
    for house in visitor.street.houses:
        answer = await visitor.http.get(house.question, headers={"Authorization": f"Bearer {seen}"})
        assert answer.is_success == (house.service in {GATEWAY, AUTH})


@pytest.mark.parametrize("path", ["revocations", "introspect"])
async def test_what_services_ask_of_auth_is_not_for_users(
    visitor: Visitor, seen: str, path: str
) -> None:
    method = "GET" if path == "revocations" else "POST"
    url = f"{visitor.auth}/v1/auth/{path}"
    for headers in ({}, {"Authorization": f"Bearer {seen}"}, {SERVICE_HEADER: f"Bearer {seen}"}):
        answer = await visitor.http.request(method, url, headers=headers, json={"token": seen})
        assert answer.status_code == 401


async def test_nobody_fetches_a_key_from_where_a_token_says(
    visitor: Visitor, forger: Forger
) -> None:
    """A listener that nobody calls."""
    called: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append("called")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys.json"
    for name in ("jku", "x5u", "iss"):
        await refused_everywhere(visitor, forger.headed(forger.own, **{name: place}))
    server.close()
    await server.wait_closed()

    assert called == []


async def test_the_published_keys_hold_no_secret(visitor: Visitor) -> None:
    answer = await visitor.http.get(f"{visitor.auth}/.well-known/jwks.json")

    assert answer.json()["keys"]
    assert not any({"d", "k", "p", "q"} & set(key) for key in answer.json()["keys"])


async def test_what_a_token_says_is_what_was_promised(seen: str, street: Street) -> None:
    claims = jwt.decode(seen, street.signing).claims

    promised = "iss aud sub sid jti scope roles auth_time amr iat iat_ms exp".split()
    assert sorted(claims) == sorted(promised)
    assert claims["exp"] - claims["iat"] == 600
    assert UUID(claims["sid"]) != UUID(claims["sub"])


async def test_no_answer_repeats_a_token(visitor: Visitor, forger: Forger) -> None:
    token = forger.says(iss="elsewhere")
    for house in visitor.street.houses:
        answer = await visitor.ask(house, token)
        assert token not in answer.text + str(answer.headers)
        assert urlsplit(str(answer.url)).query == ""


# --- keys; last, since they are everybody's -----------------------------------------------------


async def typed(platform: Platform, *words: str) -> int:
    """The exit code of a command on the auth service's server."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "auth_service", *words),
        env=dict(platform.program(AUTH).environment),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def earlier(platform: Platform, seconds: int) -> None:
    """Let every key have been made, and retired, so long ago."""
    connection = await asyncpg.connect(platform.program(AUTH).environment["JCC_DATABASE_URL"])
    await connection.execute(
        "update signing_key set made_at = made_at - make_interval(secs => $1),"
        " retired_at = retired_at - make_interval(secs => $1)",
        seconds,
    )
    await connection.close()


async def refused_soon(visitor: Visitor, token: str) -> None:
    for house in visitor.street.houses:
        async with asyncio.timeout(KEYS_SECONDS):
            while (answer := await visitor.ask(house, token)).is_success:
                await asyncio.sleep(0.1)
        assert answer.status_code == 401


async def test_a_key_that_is_turned_or_leaked_opens_nothing_any_more(
    visitor: Visitor, platform: Platform, street: Street, seen: str
) -> None:
    """First turned: nobody is signed out, until it is retired; then the next one leaks."""
    who = await visitor.sign_up()
    assert await typed(platform, "revoke-key", "nobody's") == 1
    await earlier(platform, 121)
    assert await typed(platform, "rotate-keys") == 0
    after = await visitor.sign_in(who)
    while jws.extract_compact(str(after["access_token"]).encode()).headers()["kid"] == (
        street.signing.kid
    ):
        after = await visitor.sign_in(who)
    for token in (seen, after["access_token"]):
        for house in street.houses:
            assert (await visitor.ask(house, token)).is_success

    await earlier(platform, 700)
    await refused_soon(visitor, seen)

    kid = jws.extract_compact(str(after["access_token"]).encode()).headers()["kid"]
    assert await typed(platform, "revoke-key", str(kid)) == 0
    await refused_soon(visitor, after["access_token"])
    async with asyncio.timeout(KEYS_SECONDS):
        while not (
            await visitor.ask(street.houses[0], (await visitor.sign_in(who))["access_token"])
        ).is_success:
            await asyncio.sleep(0.2)
