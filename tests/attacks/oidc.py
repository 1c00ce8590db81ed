"""What attackers of signing in by others have: browsers, a provider that lies, and the database."""

from typing import Any, Final
from urllib.parse import quote

import asyncpg
import httpx
from joserfc.jwk import RSAKey

from chassis.ids import new_id
from journal_client.client import Client
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH
from tests.openid import liar as lying
from tests.openid import provider as providing
from tests.openid.browser import Browser, asked_in
from tests.openid.liar import Liar

LIAR, CERTIFIED = lying.NAME, providing.NAME
DRAWN: Final = "A" * 43
OWN: Final = RSAKey.generate_key(2048)
"""The attacker's."""


def somebody() -> str:
    return f"{new_id()}@example.org"


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"] if answer.content else ""


async def brought(
    browser: Browser, liar: Liar, token: Any, url: str, **more: Any
) -> httpx.Response:
    """Back from the liar, with a code that it gives this token for."""
    liar.give(token, **more)
    return await browser.come_back(back(url, code="a-code"))


def back(url: str, **said: str) -> str:
    """Where a provider that was asked by `url` sends browsers, saying this."""
    asked = asked_in(url)
    words = {"state": asked["state"], **said}
    return asked["redirect_uri"] + "?" + "&".join(f"{k}={quote(v)}" for k, v in words.items())


async def lied_in(browser: Browser, liar: Liar, who: str, **claims: Any) -> httpx.Response:
    """Let in by the liar, as whom it likes."""
    url = await browser.leave(LIAR)
    arrived = await brought(browser, liar, liar.signed(liar.claims(url, who, **claims)), url)
    return await browser.let_in() if arrived.status_code == 303 else arrived


async def linked(browser: Browser, liar: Liar, sub: str, **claims: Any) -> httpx.Response:
    """Brought for the account of `browser.token`."""
    url = await browser.leave(LIAR, "link")
    token = liar.signed(liar.claims(url, sub, **{"email": somebody(), **claims}))
    arrived = await brought(browser, liar, token, url)
    return await browser.ask("POST", "identities") if arrived.status_code == 303 else arrived


async def run(platform: Platform, query: str, *values: Any) -> list[Any]:
    connection = await asyncpg.connect(platform.program(AUTH).environment["JCC_DATABASE_URL"])
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


async def verified(platform: Platform, client: Client) -> str:
    """The client's address, which counts as theirs from now on."""
    me = await client.me()
    await run(platform, "update account set verified_at = now() where id = $1", me.id)
    return me.email


def named(kid: str) -> RSAKey:
    """A key that is none of the provider's, under this name."""
    return RSAKey.import_key(OWN.as_dict(private=True), {"kid": kid})
