"""Chains: for whom which models are asked, in which order, and with whose key."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar
from uuid import UUID

import httpx
from openai import AsyncOpenAI

from agent_workers.models.images import OUTPUT, OpenAIPictures, Pictures
from agent_workers.models.keys import NO_KEY, Key, OwnKeys
from agent_workers.models.offline import OfflineWriter
from agent_workers.models.openai import OpenAIModel
from agent_workers.models.prices import price_of
from agent_workers.models.provider import ModelTrouble, Provider, Tokens
from agent_workers.models.table import (
    DEFAULT,
    OFFLINE_ENTRY,
    PICTURES,
    ProviderRow,
    Table,
    entry_of,
)

CONNECT_SECONDS: Final = 10

FALLS_BACK: Final = frozenset(
    {"rate_limited", "quota_spent", "model_error", "model_timed_out", "model_away", "stream_cut"}
    | {"model_resting"}
)
"""Troubles another model may not have. A question, key or text that was refused is refused."""

T = TypeVar("T")
Making = Callable[[ProviderRow, AsyncOpenAI, str], T]
"""How a row, a client with the right key, and a model's name become what can be asked."""


@dataclass(frozen=True)
class Route(Generic[T]):
    """One model that may be asked, and what has to be heeded with it."""

    provider: str
    asks: T
    name: str
    """The model's own name."""
    key: Key = field(default_factory=Key)
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_output: int = 0
    priced_as: str | None = None

    @property
    def meter(self) -> str:
        """Under which name its rates and its health are watched: a provider and a key."""
        return f"{self.provider}/{self.key.mark}"

    def worst(self, asked: int) -> Tokens:
        """The most that a call may use. The offline writer's words cost nobody anything."""
        if self.provider == OFFLINE_ENTRY:
            return Tokens()
        return Tokens(asked, self.max_output, estimated=True)


class Chains:
    """The table at work: one client a provider, whoever's key it is used with."""

    def __init__(self, table: Table, offline: Provider | None = None) -> None:
        self._table = table
        self._own = OwnKeys(table.own_keys.file)
        self._clients = {name: _client(row) for name, row in table.providers.items()}
        if self._clients:
            warm_up()
        self._house = {
            name: Key(row.secret) if row.secret else Key() for name, row in table.providers.items()
        }
        writer = offline or OfflineWriter()
        self._offline = Route(OFFLINE_ENTRY, writer, writer.name)

    def model(self, agent: str, models: str) -> str:
        """The name of the model that is asked first: what a question is counted under."""
        entry = entry_of(self._chain(agent, models)[0])
        return entry.model if entry else self._offline.name

    def writers(self, agent: str, models: str, user: UUID) -> list[Route[Provider]]:
        """Whom to ask for a text, in order."""
        return self._routes(self._chain(agent, models), user, _writer, self._offline)

    def painters(self, user: UUID) -> list[Route[Pictures]]:
        """Whom to ask for a picture; the house's own painter is not among them."""
        if PICTURES not in self._table.chains:
            raise ModelTrouble("fatal", "no_picture_model", "No model here makes pictures.")
        routes = self._routes(self._chain("", PICTURES), user, _painter, None)
        return [replace(route, max_output=OUTPUT) for route in routes]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    def _chain(self, agent: str, models: str) -> Sequence[str]:
        name = models or self._table.agents.get(agent, DEFAULT)
        try:
            return self._table.chains[name]
        except KeyError:
            detail = f"There is no choice of models called {name[:40]!r} here."
            raise ModelTrouble("fatal", "no_such_models", detail) from None

    def _routes(
        self,
        chain: Sequence[str],
        user: UUID,
        made_of: Making[T],
        offline: Route[T] | None,
    ) -> list[Route[T]]:
        """Own keys before the platform's; where one has any, they alone, unless the table says so.

        Raises where the own keys open nothing in this chain.
        """
        own = self._own.of(user)
        entries = [entry_of(text) for text in chain]
        mine = [
            self._route(entry.provider, entry.model, own[entry.provider], made_of)
            for entry in entries
            if entry and entry.provider in own
        ]
        if own and not self._table.own_keys.then_the_platforms:
            if not mine:
                detail = "None of your own keys is for a provider of these models."
                raise ModelTrouble("fatal", "no_key_for_this", detail)
            return mine
        ours = [
            self._route(entry.provider, entry.model, self._house[entry.provider], made_of)
            if entry
            else offline
            for entry in entries
        ]
        return [*mine, *(route for route in ours if route)]

    def _route(
        self,
        provider: str,
        model: str,
        key: Key,
        made_of: Making[T],
    ) -> Route[T]:
        row = self._table.providers[provider]
        client = self._clients[provider].with_options(api_key=key.secret.get_secret_value())
        return Route(
            provider=provider,
            asks=made_of(row, client, model),
            name=model,
            key=key,
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
            max_output=row.max_output,
            priced_as=provider if row.priced_as == "" else row.priced_as,
        )


def warm_up() -> None:
    """Load what is loaded at first use: three seconds in which a worker would stand still."""
    client = AsyncOpenAI(api_key=NO_KEY)
    price_of("gpt-4o-mini", Tokens(1))
    _ = client.chat.completions, client.images


def falls_back(trouble: ModelTrouble) -> bool:
    """Whether the next model of the chain is asked."""
    return trouble.code in FALLS_BACK


def most_hopeful(troubles: Iterable[ModelTrouble]) -> ModelTrouble:
    """What is told of a chain that is through: who has to wait is told the shortest wait."""
    *_, last = every = list(troubles)
    waits = [trouble for trouble in every if trouble.retry_after is not None]
    return min(waits, key=lambda trouble: trouble.retry_after or 0, default=last)


def _writer(row: ProviderRow, client: AsyncOpenAI, model: str) -> Provider:
    return OpenAIModel(
        client, model, {row.output_limit: row.max_output} if row.output_limit else {}
    )


def _painter(row: ProviderRow, client: AsyncOpenAI, model: str) -> Pictures:
    return OpenAIPictures(client, model, row.pictures_as)


def _client(row: ProviderRow) -> AsyncOpenAI:
    """It never retries: waits are the caller's, and the saga's."""
    patience = httpx.Timeout(row.silence_seconds, connect=CONNECT_SECONDS)
    return AsyncOpenAI(api_key=NO_KEY, base_url=row.base_url, max_retries=0, timeout=patience)
