"""Browsers on their way to a provider and back: led astray, or robbed (R7.1c)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from journalcraft.platform import Platform
from tests.openid.browser import COOKIE, Browser, asked_in
from tests.openid.liar import Liar
from tests.openid.provider import CLIENT, SECRET, Provider

from .oidc import CERTIFIED, DRAWN, LIAR, back, brought, run, somebody, told

STATES: Final[dict[str, Callable[[str, str], str]]] = {
    "none": lambda mine, theirs: "",
    "made up": lambda mine, theirs: DRAWN,
    "another's": lambda mine, theirs: theirs,
    "turned": lambda mine, theirs: mine[::-1],
    "upper case": lambda mine, theirs: mine.upper(),
    "cut": lambda mine, theirs: mine[:-1],
    "with more": lambda mine, theirs: mine + "A",
    "of a database": lambda mine, theirs: "' or 1=1 --",
}


@pytest.mark.parametrize("attack", STATES)
async def test_a_state_that_is_not_this_browsers_lets_nobody_back(
    browser: Browser, other: Browser, liar: Liar, attack: str
) -> None:
    mine, theirs = [asked_in(await each.leave(LIAR))["state"] for each in (browser, other)]
    path = f"{LIAR}/callback?state={quote(STATES[attack](mine, theirs))}&code=a"

    answer = await browser.ask("GET", path)

    assert answer.status_code in {410, 422}
    assert "/token" not in liar.asked


@pytest.mark.parametrize("cookie", ["", DRAWN, "another's"])
async def test_a_visit_is_for_the_browser_with_its_cookie(
    browser: Browser, other: Browser, liar: Liar, cookie: str
) -> None:
    """Login CSRF: the victim's browser is led to where the attacker's was about to come back."""
    url = await browser.leave(LIAR)
    await other.leave(LIAR)
    victim = replace(other, cookie=other.cookie if cookie == "another's" else cookie)

    answer = await brought(victim, liar, liar.signed(liar.claims(url, somebody())), url)

    assert told(answer) == (410, "visit_void")
    assert told(await victim.let_in()) == (410, "visit_void")


async def test_a_state_holds_once(browser: Browser, liar: Liar) -> None:
    url = await browser.leave(LIAR)
    token = liar.signed(liar.claims(url, somebody()))

    first, second = [await brought(browser, liar, token, url) for _ in range(2)]

    assert (first.status_code, told(second)) == (303, (410, "visit_void"))


async def test_a_state_of_one_provider_is_none_of_another(browser: Browser, liar: Liar) -> None:
    """Mix-up: what the honest one was asked comes back from the other."""
    state = asked_in(await browser.leave(CERTIFIED))["state"]

    answer = await browser.ask("GET", f"{LIAR}/callback?state={state}&code=a")

    assert told(answer) == (410, "visit_void")
    assert "/token" not in liar.asked


async def test_a_visit_ends_after_ten_minutes(
    browser: Browser, liar: Liar, platform: Platform
) -> None:
    url = await browser.leave(LIAR)
    token = liar.signed(liar.claims(url, somebody()))
    await run(platform, "update oidc_visit set expires_at = now() where provider = $1", LIAR)

    assert told(await brought(browser, liar, token, url)) == (410, "visit_void")


async def test_who_came_back_is_let_in_once(browser: Browser, liar: Liar) -> None:
    url = await browser.leave(LIAR)
    await brought(browser, liar, liar.signed(liar.claims(url, somebody())), url)
    cookie = browser.cookie

    first = await browser.let_in()
    again = await replace(browser, cookie=cookie, token="").let_in()

    assert (first.status_code, told(again)) == (200, (410, "visit_void"))
    assert browser.cookie == ""


@pytest.mark.parametrize("what", ["come back", "let in"])
async def test_of_many_who_do_it_at_once_one_does(browser: Browser, liar: Liar, what: str) -> None:
    url = await browser.leave(LIAR)
    liar.give(liar.signed(liar.claims(url, somebody())))
    where, twins = back(url, code="a"), [replace(browser) for _ in range(12)]
    if what == "let in":
        await browser.come_back(where)
        answers = await asyncio.gather(*(twin.let_in() for twin in twins))
    else:
        answers = await asyncio.gather(*(twin.come_back(where) for twin in twins))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == ([200] if what == "let in" else [303]) + [410] * 11


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_no_other_page_lets_a_browser_in_that_came_back(
    browser: Browser, liar: Liar, origin: str
) -> None:
    url = await browser.leave(LIAR)
    await brought(browser, liar, liar.signed(liar.claims(url, somebody())), url)

    answer = await browser.ask("POST", "login", json={}, headers={"Origin": origin})

    assert told(answer) == (403, "foreign_page")


async def test_the_cookie_is_for_this_host_for_https_and_for_no_script(browser: Browser) -> None:
    answer = await browser.ask("POST", f"{LIAR}/start", json={})

    words = {word.strip().lower() for word in answer.headers["set-cookie"].split(";")}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= words
    assert COOKIE.startswith("__Host-")
    assert not any(word.startswith("domain=") for word in words)
    assert browser.cookie not in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_form_of_another_page_begins_nothing(browser: Browser, kind: str) -> None:
    headers = {"Content-Type": kind}

    answer = await browser.ask("POST", f"{LIAR}/start", content="next=/", headers=headers)

    assert answer.status_code in {415, 422}
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "/a\r\nSet-Cookie: a=b",
        "/a b",
        "/\u2028/evil.example",
        "",
        "x" * 600,
        ["/"],
        None,
        7,
    ],
    ids=repr,
)
async def test_nobody_is_led_elsewhere(browser: Browser, place: object) -> None:
    answer = await browser.ask("POST", f"{LIAR}/start", json={"next": place})

    assert answer.status_code == 422


@pytest.mark.parametrize(
    "place", ["/", "/journal?back#id", "/%2f/evil.example", "/.//evil.example"]
)
async def test_a_place_of_ours_is_taken_as_it_is(browser: Browser, liar: Liar, place: str) -> None:
    url = await browser.leave(LIAR, next=place)
    arrived = await brought(browser, liar, liar.signed(liar.claims(url, somebody())), url)

    where = httpx.URL(browser.door).join(arrived.headers["location"])
    assert arrived.headers["location"] == place
    assert where.netloc == httpx.URL(browser.door).netloc


# --- codes -----------------------------------------------------------------------------------


async def test_a_stolen_code_is_of_no_use_in_another_browser(
    browser: Browser, other: Browser
) -> None:
    """Injection: the attacker's browser comes back with its own state, and the victim's code."""
    theirs = await browser.pass_through(await browser.leave(CERTIFIED), somebody())
    mine = await other.leave(CERTIFIED)

    said = {"code": asked_in(theirs)["code"], "iss": asked_in(theirs)["iss"]}
    answer = await other.come_back(back(mine, **said))

    assert told(answer) == (401, "provider_refused")


@pytest.mark.parametrize("verifier", [None, DRAWN, ""])
async def test_a_stolen_code_is_of_no_use_with_the_clients_secret_either(
    browser: Browser, certified: Provider, verifier: str | None
) -> None:
    """PKCE: the provider wants what only the door can make."""
    url = await browser.leave(CERTIFIED)
    came = await browser.pass_through(url, somebody())
    stolen = {"grant_type": "authorization_code", "code": asked_in(came)["code"]}
    stolen |= {"redirect_uri": asked_in(url)["redirect_uri"]}
    if verifier is not None:
        stolen["code_verifier"] = verifier

    answer = await browser.http.post(
        f"{certified.issuer}/token", data=stolen, auth=(CLIENT, quote(SECRET))
    )

    assert asked_in(url)["code_challenge_method"] == "S256"
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_holds_once(browser: Browser, certified: Provider) -> None:
    """Shown again by the same browser, on another visit."""
    came = await browser.pass_through(await browser.leave(CERTIFIED), somebody())
    await browser.come_back(came)
    said = {"code": asked_in(came)["code"], "iss": certified.issuer}

    answer = await browser.come_back(back(await browser.leave(CERTIFIED), **said))

    assert told(answer) == (401, "provider_refused")


async def test_nothing_that_opens_anything_is_in_an_address(browser: Browser) -> None:
    url = await browser.leave(CERTIFIED)
    came = await browser.pass_through(url, somebody())
    arrived = await browser.come_back(came)

    assert not {"code_verifier", "client_secret"} & set(asked_in(url))
    assert browser.cookie not in url + came
    assert arrived.headers["location"] == "/journal"
    assert arrived.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("iss", [None, "liar", "https://evil.example", "", "with a slash"])
async def test_a_browser_sent_back_in_anothers_name_is_not_let_in(
    browser: Browser, certified: Provider, liar: Liar, iss: str | None
) -> None:
    """RFC 9207: the honest one announces that it says who it is."""
    came = await browser.pass_through(await browser.leave(CERTIFIED), somebody())
    names = {"liar": liar.issuer, "with a slash": f"{certified.issuer}/"}
    said = {"state": asked_in(came)["state"], "code": asked_in(came)["code"]}
    query = said if iss is None else {**said, "iss": names.get(iss, iss)}

    answer = await browser.ask("GET", f"{CERTIFIED}/callback", params=query)

    assert told(answer) in {(401, "provider_refused"), (422, "invalid_request")}


async def test_one_that_does_not_announce_it_is_held_to_what_it_says(
    browser: Browser, certified: Provider, liar: Liar
) -> None:
    url = await browser.leave(LIAR)
    liar.give(liar.signed(liar.claims(url, somebody())))

    answer = await browser.come_back(back(url, code="a", iss=certified.issuer))

    assert told(answer) == (401, "provider_refused")


@pytest.mark.parametrize("error", ["access_denied", "login_required", "<script>", "server_error"])
async def test_a_refusal_is_told_and_not_repeated(browser: Browser, liar: Liar, error: str) -> None:
    url = await browser.leave(LIAR)

    answer = await browser.come_back(back(url, error=error, error_description="<script>"))

    busy = error == "server_error"
    assert told(answer) == ((503, "provider_away") if busy else (403, "provider_denied"))
    assert "script" not in answer.text
    assert told(await browser.let_in()) == (410, "visit_void")
