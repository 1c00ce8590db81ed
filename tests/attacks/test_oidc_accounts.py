"""Whom a provider brings gets no account but their own (R7.1b, R7.1c)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chassis.ids import new_id
from journal_client.client import Client
from journalcraft.platform import Platform
from tests.openid.browser import Browser
from tests.openid.liar import Liar

from .oidc import CERTIFIED, LIAR, brought, lied_in, linked, run, somebody, told, verified


@pytest.mark.parametrize(
    "said",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email_verified": 1},
        {"email_verified": [True]},
        {"email": "no address"},
        {"email": ["a@example.org", "b@example.org"]},
        {"email": "a@example.org\r\nBcc: b@example.org"},
        {"email": "a\0@example.org"},
        {"email": "x" * 250 + "@example.org"},
    ],
    ids=str,
)
async def test_an_address_nobody_verified_opens_no_account(
    browser: Browser, liar: Liar, platform: Platform, said: dict[str, Any]
) -> None:
    who = somebody()

    answer = await lied_in(browser, liar, who, **said)

    assert told(answer) == (403, "mail_unverified")
    assert await run(platform, "select 1 from account where email = $1", who) == []


@pytest.mark.parametrize("is_verified", [True, False], ids=["verified", "opened before"])
@pytest.mark.parametrize("spelled", [str, str.upper], ids=["as it is", "upper case"])
async def test_an_address_opens_nobodys_account(
    browser: Browser,
    liar: Liar,
    platform: Platform,
    newcomer: Client,
    *,
    is_verified: bool,
    spelled: Callable[[str], str],
) -> None:
    """Neither a provider that lies takes an account, nor one that was opened with a stranger's
    address takes in whose address it is."""
    email = await verified(platform, newcomer) if is_verified else (await newcomer.me()).email

    answer = await lied_in(browser, liar, new_id().hex, email=spelled(email))

    assert told(answer) == (409, "account_exists")
    assert (await newcomer.identities()).items == ()
    assert len((await newcomer.sessions()).items) == 1


async def test_an_address_that_moves_moves_no_identity(
    browser: Browser, other: Browser, liar: Liar
) -> None:
    """The provider gives an address to somebody else: they are not who had it."""
    email, first, second = somebody(), new_id().hex, new_id().hex
    await lied_in(browser, liar, first, email=email)

    again = await lied_in(browser, liar, first, email=somebody())
    heir = await lied_in(other, liar, second, email=email)

    assert (again.status_code, told(heir)) == (200, (409, "account_exists"))


async def test_one_subject_of_two_providers_is_two_people(
    browser: Browser, other: Browser, liar: Liar
) -> None:
    who = somebody()
    await browser.sign_in(CERTIFIED, who)

    assert told(await lied_in(other, liar, who)) == (409, "account_exists")


async def test_of_many_who_come_for_the_first_time_at_once_one_account_is_opened(
    browser: Browser, liar: Liar, platform: Platform
) -> None:
    who, twins = somebody(), [replace(browser) for _ in range(6)]
    for twin in twins:
        url = await twin.leave(LIAR)
        await brought(twin, liar, liar.signed(liar.claims(url, who)), url)

    answers = await asyncio.gather(*(twin.let_in() for twin in twins))

    assert {answer.status_code for answer in answers} <= {200, 409, 410}
    assert any(answer.is_success for answer in answers)
    assert len(await run(platform, "select 1 from account where email = $1", who)) == 1


# --- linking ---------------------------------------------------------------------------------


async def test_an_account_whose_address_nobody_verified_links_nothing(
    browser: Browser, liar: Liar, newcomer: Client
) -> None:
    """Or who opened it with a stranger's address would have a way in that outlives a reset."""
    browser.token = await newcomer.token()

    assert told(await linked(browser, liar, new_id().hex)) == (403, "address_not_verified")


async def test_an_identity_whose_address_nobody_verified_is_not_linked(
    browser: Browser, liar: Liar, platform: Platform, newcomer: Client
) -> None:
    await verified(platform, newcomer)
    browser.token = await newcomer.token()

    answer = await linked(browser, liar, new_id().hex, email_verified=False)

    assert told(answer) == (403, "mail_unverified")


@pytest.mark.parametrize("when", ["before leaving", "before linking", "before unlinking"])
async def test_a_session_that_was_stolen_links_and_unlinks_nothing(
    browser: Browser, liar: Liar, platform: Platform, newcomer: Client, when: str
) -> None:
    await verified(platform, newcomer)
    browser.token = await newcomer.token()
    mine = (await newcomer.me()).id
    aged = "update session set auth_time = now() - interval '16 minutes' where user_id = $1"
    if when == "before leaving":
        await run(platform, aged, mine)
        answer = await browser.ask("POST", f"{LIAR}/link", json={})
    elif when == "before linking":
        url = await browser.leave(LIAR, "link")
        await brought(browser, liar, liar.signed(liar.claims(url, new_id().hex)), url)
        await run(platform, aged, mine)
        answer = await browser.ask("POST", "identities")
    else:
        there = (await linked(browser, liar, new_id().hex)).json()
        await run(platform, aged, mine)
        answer = await browser.ask("DELETE", f"identities/{there['id']}")

    assert told(answer) == (401, "step_up_needed")


@pytest.mark.parametrize("how", ["another user", "another session", "nobody"])
async def test_what_one_session_went_for_no_other_takes(
    browser: Browser,
    liar: Liar,
    platform: Platform,
    newcomer: Client,
    stranger: Client,
    how: str,
) -> None:
    """The victim's browser cannot be made to bring the attacker's identity into their account."""
    await verified(platform, newcomer)
    await verified(platform, stranger)
    browser.token = await newcomer.token()
    url = await browser.leave(LIAR, "link")
    await brought(browser, liar, liar.signed(liar.claims(url, somebody())), url)

    if how == "nobody":
        answer = await browser.let_in()
    else:
        another = stranger if how == "another user" else newcomer
        async with Client.open(browser.door, another._credentials) as again:
            browser.token = await again.token()
        answer = await browser.ask("POST", "identities")

    assert told(answer) == (410, "visit_void")


async def test_who_went_to_sign_in_links_nothing(
    browser: Browser, liar: Liar, platform: Platform, newcomer: Client
) -> None:
    await verified(platform, newcomer)
    url = await browser.leave(LIAR)
    await brought(browser, liar, liar.signed(liar.claims(url, somebody())), url)
    browser.token = await newcomer.token()

    assert told(await browser.ask("POST", "identities")) == (410, "visit_void")
    assert told(await browser.ask("POST", "step-up", json={})) == (410, "visit_void")


async def test_an_identity_opens_one_account(
    browser: Browser, other: Browser, liar: Liar, platform: Platform, newcomer: Client
) -> None:
    who = somebody()
    await lied_in(other, liar, who)
    await verified(platform, newcomer)
    browser.token = await newcomer.token()

    assert told(await linked(browser, liar, who)) == (409, "identity_taken")


async def test_nobody_unlinks_what_is_anothers_or_their_last_way_in(
    browser: Browser, other: Browser, liar: Liar
) -> None:
    await lied_in(browser, liar, somebody())
    await lied_in(other, liar, somebody())
    [mine] = (await browser.ask("GET", "identities")).json()["items"]

    anothers = await other.ask("DELETE", f"identities/{mine['id']}")
    last = await browser.ask("DELETE", f"identities/{mine['id']}")

    assert told(anothers) == (404, "no_such_identity")
    assert told(last) == (409, "last_way_in")
