"""Somebody signs in by a provider: at its door, then at ours, to one account (R7.1c)."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import httpx
import pytest

from chassis.ids import new_id
from journal_client.client import Client
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH
from tests.letters import letter_about, offers, verified
from tests.openid.browser import Browser, open_browser
from tests.openid.provider import NAME, Provider

WAYS: Final = "/v1/auth/oidc/identities"


@pytest.fixture
async def browser(platform: Platform, certified: Provider) -> AsyncIterator[Browser]:
    async with open_browser(platform.url) as browser:
        yield browser


async def test_somebody_new_signs_in_by_a_provider_and_has_an_account(
    browser: Browser, platform: Platform
) -> None:
    who = f"{new_id()}@example.org"

    told = (await browser.http.get(f"{platform.url}/v1/auth/oidc/providers")).json()
    tokens = await browser.sign_in(NAME, who)
    me = await asked(browser, "GET", "/v1/auth/me")
    first = browser.token
    again = await browser.sign_in(NAME, who, cookie=True)

    assert {"name": NAME, "title": "Certified"} in told["items"]
    assert tokens.status_code == 200
    assert tokens.json()["refresh_token"]
    assert (me["email"], me["verified"]) == (who, True)
    assert again.json()["refresh_token"] is None
    assert "__Secure-jcc-refresh=" in again.headers["set-cookie"]
    assert (await asked(browser, "GET", "/v1/auth/me"))["id"] == me["id"]
    assert browser.token != first
    assert {"account_opened", "signed_in"} <= set(await acts_of(platform, me["id"]))


async def test_an_account_is_linked_by_who_is_in_it_and_opened_by_both(
    browser: Browser, platform: Platform, user: Client
) -> None:
    """Its address is the one the provider says, and opens nothing before."""
    me = await user.me()
    await verified(platform, user, me.email)

    refused = await browser.sign_in(NAME, me.email)
    browser.token = await user.token()
    url = await browser.leave(NAME, "link")
    back = await browser.come_back(await browser.pass_through(url, me.email))
    linked = await browser.ask("POST", "identities")
    browser.token = ""
    signed_in = await browser.sign_in(NAME, me.email)

    assert (refused.status_code, refused.json()["code"]) == (409, "account_exists")
    assert (back.status_code, back.headers["location"]) == (303, "/journal")
    assert linked.status_code == 201
    assert signed_in.status_code == 200
    assert (await asked(browser, "GET", "/v1/auth/me"))["id"] == str(me.id)
    page = await asked(browser, "GET", WAYS)
    assert (page["password"], [each["provider"] for each in page["items"]]) == (True, [NAME])
    await letter_about(platform, me.email, "Another way into your account")
    assert "identity_linked" in await acts_of(platform, str(me.id))

    gone = await browser.ask("DELETE", f"identities/{page['items'][0]['id']}")
    later = await browser.sign_in(NAME, me.email)
    assert (gone.status_code, later.json()["code"]) == (204, "account_exists")
    assert "identity_unlinked" in await acts_of(platform, str(me.id))


async def test_a_password_is_chosen_later_by_who_came_by_a_provider(
    browser: Browser, platform: Platform
) -> None:
    """Until then what wants one is not for them, and their only way in is not taken away."""
    who, word = f"{new_id()}@example.org", f"a long pass phrase {new_id()}"
    await browser.sign_in(NAME, who)
    [mine] = (await asked(browser, "GET", WAYS))["items"]
    has_none = await ask(browser, "POST", "/v1/auth/delete-account", json={"password": word})
    last = await browser.ask("DELETE", f"identities/{mine['id']}")

    await ask(browser, "POST", "/v1/auth/forgot", json={"email": who})
    [(_, purpose, token)] = await offers(platform, who, 1)
    reset = await ask(browser, "POST", "/v1/auth/reset", json={"token": token, "new": word})
    login = {"email": who, "password": word}
    browser.token = (await ask(browser, "POST", "/v1/auth/login", json=login)).json()[
        "access_token"
    ]
    unlinked = await browser.ask("DELETE", f"identities/{mine['id']}")

    assert (has_none.status_code, has_none.json()["code"]) == (401, "no_password")
    assert (last.status_code, last.json()["code"]) == (409, "last_way_in")
    assert (purpose, reset.status_code, unlinked.status_code) == ("reset", 204, 204)


async def test_an_export_and_an_erasure_know_of_identities(
    browser: Browser, platform: Platform
) -> None:
    """R7.1: everything that is kept of somebody, and nothing of it afterwards."""
    who, word = f"{new_id()}@example.org", f"a long pass phrase {new_id()}"
    await browser.sign_in(NAME, who)
    await ask(browser, "POST", "/v1/auth/forgot", json={"email": who})
    [(_, _, token)] = await offers(platform, who, 1)
    await ask(browser, "POST", "/v1/auth/reset", json={"token": token, "new": word})
    await browser.sign_in(NAME, who)

    told = await ask(browser, "POST", "/v1/auth/export", json={"password": word})
    abandoned = await browser.pass_through(await browser.leave(NAME), who)
    await browser.come_back(abandoned)
    gone = await ask(browser, "POST", "/v1/auth/delete-account", json={"password": word})

    with zipfile.ZipFile(io.BytesIO(told.content)) as archive:
        [kept] = json.loads(archive.read("auth-service.json"))["identities"]
    assert (kept["provider"], kept["subject"], kept["email"]) == (NAME, who, who)
    assert gone.status_code == 204
    assert await left(platform, who) == 0


async def test_a_stolen_session_is_told_from_its_user_by_the_provider_too(
    browser: Browser, platform: Platform
) -> None:
    """They are asked there anew; the provider's own session is not enough."""
    who = f"{new_id()}@example.org"
    await browser.sign_in(NAME, who)
    me = await asked(browser, "GET", "/v1/auth/me")
    aged = "update session set auth_time = now() - interval '1 hour' where user_id = $1"
    await run(platform, aged, me["id"])
    refused = await put_key(browser)

    url = await browser.leave(NAME, "prove")
    back = await browser.come_back(await browser.pass_through(url, who))
    stepped = await browser.ask("POST", "step-up", json={})
    browser.token = stepped.json()["access_token"]

    assert (refused.status_code, refused.json()["code"]) == (401, "step_up_needed")
    assert (back.status_code, stepped.status_code) == (303, 200)
    assert "refresh_token" not in stepped.json()
    assert (await put_key(browser)).status_code == 200


async def put_key(browser: Browser) -> httpx.Response:
    return await ask(browser, "PUT", "/v1/keys/openai", json={"key": "sk-0123456789abcdef"})


async def ask(browser: Browser, method: str, path: str, **more: Any) -> httpx.Response:
    url = f"{browser.door}{path}"
    return await browser.http.request(method, url, headers=browser.headers(), **more)


async def asked(browser: Browser, method: str, path: str) -> dict[str, Any]:
    answer = await ask(browser, method, path)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


async def acts_of(platform: Platform, user_id: str) -> set[str]:
    query = "select act from audit_entry join audit_payload using (shard, seq) where user_id = $1"
    return {row["act"] for row in await run(platform, query, user_id)}


async def left(platform: Platform, email: str) -> int:
    query = """
        select (select count(*) from identity where email = $1)
             + (select count(*) from oidc_visit where email = $1) as n
    """
    return int((await run(platform, query, email))[0]["n"])


async def run(platform: Platform, query: str, *values: str) -> list[Any]:
    """On the auth service's database."""
    connection = await asyncpg.connect(platform.program(AUTH).environment["JCC_DATABASE_URL"])
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()
