"""A browser that signs in by a provider: it is sent there, let in there, and comes back."""

import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx

COOKIE: Final = "__Host-jcc-oidc"
NOBODYS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: all is on this machine, and to read who is trusted takes longer than to ask."""
FORM: Final = re.compile(r'action="([^"]+)"')


@dataclass
class Browser:
    """`cookie` is the one of the door; those of providers are kept as browsers keep them."""

    door: str
    http: httpx.AsyncClient
    cookie: str = ""
    token: str = ""
    at_provider: httpx.Cookies = field(default_factory=httpx.Cookies)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """As a page of the door's asks."""
        headers = {"Origin": self.door, **self.headers(), **more.pop("headers", {})}
        self.http.cookies.clear()
        url = f"{self.door}/v1/auth/oidc/{path}"
        answer = await self.http.request(method, url, headers=headers, **more)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if name == COOKIE:
                self.cookie = value.strip('"')
        return answer

    def headers(self) -> dict[str, str]:
        told = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        return told | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    async def leave(self, provider: str, how: str = "start", **order: Any) -> str:
        """Where it is sent."""
        answer = await self.ask("POST", f"{provider}/{how}", json=order)
        answer.raise_for_status()
        return str(answer.json()["url"])

    async def pass_through(self, url: str, who: str) -> str:
        """Sign in at a real provider as somebody, or abort as nobody; where one is sent back to."""
        async with _client(cookies=self.at_provider) as there:
            answer = await there.get(url)
            while True:
                if answer.is_redirect:
                    url = str(httpx.URL(url).join(answer.headers["location"]))
                    if url.startswith(self.door):
                        self.at_provider = there.cookies
                        return url
                    answer = await there.get(url)
                else:
                    assert answer.is_success, answer.text
                    found = FORM.search(answer.text)
                    assert found is not None, answer.text
                    url = str(httpx.URL(url).join(found[1]))
                    if who:
                        form = {"prompt": "login", "login": who, "password": "x"}
                        answer = await there.post(url, data=form)
                    else:
                        url += "/abort"
                        answer = await there.get(url)

    async def come_back(self, url: str) -> httpx.Response:
        """To the door, as the provider said."""
        parts = urlsplit(url)
        path = f"{parts.path.removeprefix('/v1/auth/oidc/')}?{parts.query}"
        return await self.ask("GET", path, follow_redirects=False)

    async def let_in(self, **order: Any) -> httpx.Response:
        """Signed in by having come back."""
        answer = await self.ask("POST", "login", json=order)
        if answer.is_success:
            self.token = answer.json()["access_token"]
        return answer

    async def sign_in(self, provider: str, who: str, **order: Any) -> httpx.Response:
        """All of it, by a real provider."""
        back = await self.come_back(await self.pass_through(await self.leave(provider), who))
        return await self.let_in(**order) if back.status_code == 303 else back


@contextlib.asynccontextmanager
async def open_browser(door: str) -> AsyncIterator[Browser]:
    """One that was never here."""
    async with _client() as http:
        yield Browser(door, http)


def _client(**more: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=30, trust_env=False, verify=NOBODYS, **more)


def asked_in(url: str) -> dict[str, str]:
    """What a browser that is sent somewhere takes along."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
