"""What goes by letter is not turned against who reads it, nor tells who is there (R7.1b, R7.2b)."""

import asyncio
import time
from typing import Any, Final

import httpx
import pytest

from chassis.ids import new_id
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH, GATEWAY
from tests.letters import Offer, offers

from .street import Visitor
from .test_accounts import nobody, post, without_trace

DOORS: Final = (AUTH, GATEWAY)
NEW: Final = "another long pass phrase"


async def wanted(visitor: Visitor, platform: Platform, **headers: str) -> tuple[Any, list[Offer]]:
    """Somebody who has forgotten a password, and what their letters offer."""
    who = await visitor.sign_up()
    body = {"email": who["email"]}
    answer = await post(visitor, GATEWAY, "forgot", body, headers=headers)
    answer.raise_for_status()
    return who, await offers(platform, who["email"], 2)


@pytest.mark.parametrize("service", DOORS)
@pytest.mark.parametrize("path", ["register", "forgot"])
async def test_no_answer_to_who_wants_a_letter_says_whether_there_is_an_account(
    visitor: Visitor, service: str, path: str
) -> None:
    who = await visitor.sign_up()
    answers: list[httpx.Response] = []
    for address in (who["email"], f"{new_id()}@example.org"):
        body = {"email": address} if path == "forgot" else nobody(email=address)
        answers.append(await post(visitor, service, path, body))

    known, unknown = answers
    assert known.status_code == unknown.status_code == 202
    assert set(known.json()) == set(unknown.json()) == {"email"}
    varying = {"date", "ratelimit"}
    assert set(known.headers) - varying == set(unknown.headers) - varying
    assert known.headers["content-length"] == unknown.headers["content-length"]


@pytest.mark.deep
@pytest.mark.parametrize("path", ["forgot", "register"])
async def test_no_time_says_whether_there_is_an_account(visitor: Visitor, path: str) -> None:
    """The shortest of a few, in turn; a password that was not hashed would take a tenth."""
    who = await visitor.sign_up()
    known: list[float] = []
    unknown: list[float] = []
    for _ in range(4):
        for address, took in ((who["email"], known), (f"{new_id()}@example.org", unknown)):
            body = nobody(email=address) if path == "register" else {"email": address}
            began = time.perf_counter()
            await post(visitor, AUTH, path, body)
            took.append(time.perf_counter() - began)

    assert 0.3 < min(known) / min(unknown) < 3


async def test_a_reset_token_holds_once_however_many_show_it(
    visitor: Visitor, platform: Platform
) -> None:
    _, found = await wanted(visitor, platform)
    token = found[-1][2]

    asked = [
        post(visitor, DOORS[number % 2], "reset", {"token": token, "new": f"{NEW} {number}"})
        for number in range(8)
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*asked))
    late = await post(visitor, GATEWAY, "reset", {"token": token, "new": NEW})

    assert statuses == [204] + [410] * 7
    assert late.status_code == 410


async def test_a_reset_ends_what_a_thief_has(visitor: Visitor, platform: Platform) -> None:
    who, found = await wanted(visitor, platform)
    stolen = await visitor.sign_in(who)

    await post(visitor, GATEWAY, "reset", {"token": found[-1][2], "new": NEW})

    refresh = await post(visitor, GATEWAY, "refresh", {"refresh_token": stolen["refresh_token"]})
    shown = [
        (await visitor.ask(visitor.street.of(AUTH)[0], stolen["access_token"])).status_code,
        refresh.status_code,
        (await post(visitor, GATEWAY, "login", who)).status_code,
    ]
    assert shown == [401, 401, 401]


@pytest.mark.parametrize(
    "header",
    [
        "Host",
        "X-Forwarded-Host",
        *(
            pytest.param(name, marks=pytest.mark.deep)
            for name in ("Forwarded", "X-Original-Host", "Origin", "Referer")
        ),
    ],
)
async def test_a_letter_leads_nowhere_else_whatever_a_request_says(
    visitor: Visitor, platform: Platform, header: str
) -> None:
    value = "host=evil.example" if header == "Forwarded" else "evil.example"
    value = f"https://{value}" if header in {"Origin", "Referer"} else value
    who = await visitor.sign_up()
    for service in DOORS:
        url = f"{visitor.street.of(service)[0].url}/v1/auth/forgot"
        body = {"email": who["email"]}
        await visitor.http.post(url, json=body, headers={header: value})

    found = await offers(platform, who["email"], 2)
    assert {where for where, _, _ in found} == {platform.url}


async def test_a_token_opens_nothing_but_what_it_was_sent_for(
    visitor: Visitor, platform: Platform
) -> None:
    who, found = await wanted(visitor, platform)
    tokens = {purpose: token for _, purpose, token in found}
    access = (await visitor.sign_in(who))["access_token"]
    proof = {"password": who["password"]}

    answers = [
        await post(visitor, GATEWAY, "reset", {"token": tokens["verify"], "new": NEW}),
        await post(visitor, GATEWAY, "verify", {"token": tokens["reset"], **proof}),
        await post(visitor, GATEWAY, "mail/confirm", {"token": tokens["reset"], **proof}),
        await post(visitor, GATEWAY, "mail/confirm", {"token": tokens["verify"], **proof}),
    ]

    assert [answer.status_code for answer in answers] == [410] * 4
    assert len({str(without_trace(answer)) for answer in answers}) == 1
    for token in (*tokens.values(), access):
        shown = await visitor.ask(visitor.street.of(GATEWAY)[0], token)
        assert shown.status_code == (200 if token == access else 401)


@pytest.mark.parametrize(
    "token", ["", "A" * 43, "A" * 42 + "=", "A" * 100_000, "' or 1=1 --", None, ["A" * 43]], ids=str
)
async def test_what_was_never_sent_opens_nothing(visitor: Visitor, token: object) -> None:
    for service in DOORS:
        answer = await post(visitor, service, "reset", {"token": token, "new": NEW})
        assert answer.status_code in {410, 413, 422}


async def test_an_account_moves_nowhere_that_nobody_answers_from(
    visitor: Visitor, platform: Platform
) -> None:
    """A thief with a token, and even the password, is told of to the address there was."""
    who = await visitor.sign_up()
    headers = {"Authorization": f"Bearer {(await visitor.sign_in(who))['access_token']}"}
    order = {"password": who["password"], "email": f"{new_id()}@example.org"}

    guessed = await post(
        visitor, GATEWAY, "mail", {**order, "password": "a long but wrong phrase"}, headers=headers
    )
    ordered = await post(visitor, GATEWAY, "mail", order, headers=headers)
    [(_, purpose, _)] = await offers(platform, order["email"], 1)

    me = await visitor.http.get(f"{visitor.auth}/v1/auth/me", headers=headers)
    assert (guessed.status_code, ordered.status_code, purpose) == (401, 202, "change")
    assert me.json()["email"] == who["email"]


async def test_no_log_has_what_a_letter_says(visitor: Visitor, platform: Platform) -> None:
    who, found = await wanted(visitor, platform)
    tokens = [token for _, _, token in found]
    await post(visitor, GATEWAY, "reset", {"token": tokens[-1], "new": NEW})
    await post(visitor, GATEWAY, "reset", {"token": tokens[-1], "new": NEW})

    logs = "".join(file.read_text() for file in (platform.state / "logs").glob("*.log"))
    assert "mail_kept" in logs
    assert [word for word in (*tokens, who["email"], NEW) if word in logs] == []
