"""That somebody has just shown who they are, and that a provider can say so (R7.1c)."""

import base64
import threading
import time
from typing import Any, Final

import httpx
import pytest

from auth_service import one_time
from chassis.ids import new_id, now
from journal_client.client import Client
from journal_contracts.sessions import TotpConfirmation, TotpOrder
from journalcraft.platform import Platform
from tests.openid.browser import Browser, asked_in
from tests.openid.liar import Liar, Reply
from tests.openid.provider import Provider

from .oidc import CERTIFIED, LIAR, back, brought, lied_in, linked, named, somebody, told, verified

NOW: Final = int(time.time())


@pytest.mark.parametrize(
    "auth_time", [None, NOW - 3_600, 0], ids=["not said", "an hour ago", "never"]
)
async def test_who_was_let_in_by_an_old_session_there_has_not_just_shown_who_they_are(
    browser: Browser, liar: Liar, auth_time: int | None
) -> None:
    await lied_in(browser, liar, somebody(), auth_time=auth_time)

    answer = await put_key(browser)

    assert told(answer) == (401, "step_up_needed")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (200, "")),
        ({"auth_time": NOW - 3_600}, (401, "provider_refused")),
        ({"auth_time": None}, (401, "provider_refused")),
        ({"sub": "somebody else"}, (401, "provider_refused")),
    ],
    ids=["shown anew", "long ago", "not said", "another"],
)
async def test_a_step_up_wants_its_user_shown_anew(
    browser: Browser, liar: Liar, said: dict[str, Any], expected: tuple[int, str]
) -> None:
    who = somebody()
    await lied_in(browser, liar, who, auth_time=None)
    url = await browser.leave(LIAR, "prove")
    await brought(browser, liar, liar.signed(liar.claims(url, who, **said)), url)

    answer = await browser.ask("POST", "step-up", json={})

    assert (asked_in(url)["prompt"], asked_in(url)["max_age"]) == ("login", "0")
    assert (answer.status_code, answer.json().get("code", "")) == expected


async def test_a_second_factor_is_asked_for_and_not_guessed(
    browser: Browser, liar: Liar, platform: Platform, newcomer: Client
) -> None:
    """However often the provider is gone to between."""
    await verified(platform, newcomer)
    browser.token, sub = await newcomer.token(), new_id().hex
    await linked(browser, liar, sub)
    await _ask_for_codes(newcomer)
    browser.token = ""

    answers = []
    for round_ in range(2):
        answers.append(await lied_in(browser, liar, sub))
        answers += [await browser.let_in(code=f"{round_}0000{n}") for n in range(7)]

    codes = [told(answer)[1] for answer in answers]
    assert codes[0] == codes[8] == "second_factor_needed"
    assert set(codes[1:8]) == {"wrong_second_factor"}
    assert told(answers[-1]) == (429, "too_many_codes")
    assert int(answers[-1].headers["retry-after"]) > 0


async def _ask_for_codes(client: Client) -> None:
    made = await client.set_up_totp(TotpOrder(password=client._credentials.password))
    secret = base64.b32decode(made.secret)
    code = one_time.code_of(secret, one_time.step_at(now()))
    await client.confirm_totp(TotpConfirmation(code=code))


async def put_key(browser: Browser) -> httpx.Response:
    url = f"{browser.door}/v1/keys/openai"
    body = {"key": "sk-0123456789abcdef"}
    return await browser.http.put(url, json=body, headers=browser.headers())


# --- providers that turn, or are away ----------------------------------------------------------


async def test_a_provider_that_turns_its_key_is_believed(
    browser: Browser, certified: Provider
) -> None:
    who = somebody()
    assert (await browser.sign_in(CERTIFIED, who)).status_code == 200
    certified.turn()

    browser.at_provider = httpx.Cookies()
    assert (await browser.sign_in(CERTIFIED, who)).status_code == 200


async def test_a_key_that_was_taken_back_is_asked_for_seldom(browser: Browser, liar: Liar) -> None:
    """Tokens under unknown names do not make the door knock at the provider each time."""
    for _ in range(5):
        url = await browser.leave(LIAR)
        unknown = named(new_id().hex)
        await brought(browser, liar, liar.signed(liar.claims(url, somebody()), unknown), url)

    assert liar.asked.count("/jwks") <= 2  # where nobody had asked before, or not for ten seconds


async def test_a_provider_that_is_away_is_named_as_that_and_nothing_else_is(
    browser: Browser, certified: Provider
) -> None:
    url = await browser.leave(CERTIFIED)
    came = await browser.pass_through(url, somebody())
    certified.stop()
    try:
        answer = await browser.come_back(came)
    finally:
        certified.start()

    assert told(answer) == (503, "provider_away")
    assert int(answer.headers["retry-after"]) > 0
    assert (await browser.sign_in(CERTIFIED, somebody())).status_code == 200


async def test_a_provider_that_hangs_holds_nobody_for_long(browser: Browser, liar: Liar) -> None:
    """Not even where it sends a byte now and then; the door itself gives up after ten seconds."""
    waits = threading.Event()

    def hang() -> Reply:
        waits.wait(20)
        return 500, {}, b""

    url = await browser.leave(LIAR)
    liar.answers["/token"] = hang
    began = time.monotonic()
    answer = await browser.come_back(back(url, code="a"))
    took = time.monotonic() - began
    waits.set()

    assert told(answer) == (503, "provider_away")
    assert took < 9.5
