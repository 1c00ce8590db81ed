"""How a provider is asked: what it answers is read up to a limit, and leads nowhere else."""

import json
from typing import Any, Final

import httpx

from auth_service import security
from chassis.errors import Unavailable

MOST_BYTES: Final = 256 * 1024


class ProviderAway(Unavailable):
    """The provider does not answer, or with nothing that can be used."""


class Outside:
    """Asks a provider, and reads no more than so much."""

    def __init__(self, client: httpx.AsyncClient, name: str) -> None:
        self._client = client
        self._name = name

    async def get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """A document of its own; raises `ProviderAway`."""
        answer = await self.request("GET", url, headers=headers)
        try:
            answer.raise_for_status()
            told = json.loads(answer.content)
        except (httpx.HTTPStatusError, ValueError, RecursionError) as error:
            raise self.away("no document") from error
        if not isinstance(told, dict):
            raise self.away("no document")
        return told

    async def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        """What authlib asks by. Nothing comes packed: it would be larger than it is counted."""
        headers = {**(more.pop("headers", None) or {}), "Accept-Encoding": "identity"}
        body = bytearray()
        try:
            async with self._client.stream(method, url, headers=headers, **more) as answer:
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise self.away("too much")
        except httpx.HTTPError as error:
            raise self.away(type(error).__name__) from error
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise self.away(str(answer.status_code))
        return httpx.Response(answer.status_code, content=bytes(body), request=answer.request)

    def away(self, why: str) -> ProviderAway:
        security.note("oidc_away", None, provider=self._name, why=why)
        return ProviderAway("The provider cannot be asked at the moment.")
