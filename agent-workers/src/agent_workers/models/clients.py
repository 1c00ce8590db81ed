"""Clients of the providers in the table: one each, whoever's key it is used with."""

from collections.abc import Mapping
from typing import Final

import httpx
from openai import AsyncOpenAI

from agent_workers.models.images import OpenAIPictures
from agent_workers.models.keys import NO_KEY, Key
from agent_workers.models.openai import OpenAIModel
from agent_workers.models.pictures import Pictures
from agent_workers.models.prices import price_of
from agent_workers.models.provider import Provider, Tokens
from agent_workers.models.table import ProviderRow

CONNECT_SECONDS: Final = 10


class OpenAIClients:
    """All of them speak OpenAI's language."""

    def __init__(self, rows: Mapping[str, ProviderRow]) -> None:
        self._rows = rows
        self._clients = {name: _client(row) for name, row in rows.items()}
        if rows:
            warm_up()

    def writer(self, provider: str, model: str, key: Key) -> Provider:
        row = self._rows[provider]
        limit: dict[str, int] = {row.output_limit: row.max_output} if row.output_limit else {}
        return OpenAIModel(self._with(provider, key), model, limit)

    def painter(self, provider: str, model: str, key: Key) -> Pictures:
        return OpenAIPictures(self._with(provider, key), model, self._rows[provider].pictures_as)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    def _with(self, provider: str, key: Key) -> AsyncOpenAI:
        return self._clients[provider].with_options(api_key=key.secret.get_secret_value())


def warm_up() -> None:
    """Load what is loaded at first use: three seconds in which a worker would stand still."""
    client = AsyncOpenAI(api_key=NO_KEY)
    price_of("gpt-4o-mini", Tokens(1))
    _ = client.chat.completions, client.images


def _client(row: ProviderRow) -> AsyncOpenAI:
    """It never retries: waits are the caller's, and the saga's."""
    patience = httpx.Timeout(row.silence_seconds, connect=CONNECT_SECONDS)
    return AsyncOpenAI(api_key=NO_KEY, base_url=row.base_url, max_retries=0, timeout=patience)
