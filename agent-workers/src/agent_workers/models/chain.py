"""Chains: for whom which models are asked, in which order, and with whose key."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

from agent_workers.models.keys import Key, OwnKeys
from agent_workers.models.offline import OfflineWriter
from agent_workers.models.pictures import OUTPUT, Pictures
from agent_workers.models.provider import ModelTrouble, Provider, Tokens
from agent_workers.models.table import (
    DEFAULT,
    OFFLINE_ENTRY,
    PICTURES,
    Table,
    entry_of,
)

FALLS_BACK: Final = frozenset(
    {"rate_limited", "quota_spent", "model_error", "model_timed_out", "model_away", "stream_cut"}
    | {"model_resting"}
)
"""Troubles another model may not have. A question, key or text that was refused is refused."""

T = TypeVar("T")
Making = Callable[[str, str, Key], T]
"""How a provider, a model's name and a key become what can be asked."""


class Clients(Protocol):
    """The way to the providers of the table."""

    def writer(self, provider: str, model: str, key: Key) -> Provider: ...

    def painter(self, provider: str, model: str, key: Key) -> Pictures: ...


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
    """The table at work."""

    def __init__(self, table: Table, clients: Clients, own: OwnKeys | None = None) -> None:
        self._table = table
        self._clients = clients
        self._own = own or OwnKeys()
        self._house = {
            name: Key(row.secret) if row.secret else Key() for name, row in table.providers.items()
        }
        writer: Provider = OfflineWriter()
        self._offline = Route(OFFLINE_ENTRY, writer, writer.name)

    @property
    def choices(self) -> tuple[str, ...]:
        """The chains that a journal may ask for by name."""
        return tuple(sorted(self._table.chains.keys() - {DEFAULT, PICTURES}))

    def model(self, agent: str, models: str) -> str:
        """The name of the model that is asked first: what a question is counted under."""
        entry = entry_of(self._chain(agent, models)[0])
        return entry.model if entry else self._offline.name

    def writers(self, agent: str, models: str, user: UUID) -> list[Route[Provider]]:
        """Whom to ask for a text, in order."""
        return self._routes(self._chain(agent, models), user, self._clients.writer, self._offline)

    def painters(self, user: UUID) -> list[Route[Pictures]]:
        """Whom to ask for a picture; the house's own painter is not among them."""
        if PICTURES not in self._table.chains:
            raise ModelTrouble("fatal", "no_picture_model", "No model here makes pictures.")
        routes = self._routes(self._chain("", PICTURES), user, self._clients.painter, None)
        return [replace(route, max_output=OUTPUT) for route in routes]

    def paints(self, user: UUID) -> bool:
        """Whether there is anybody to ask for a picture, with the keys that serve this user."""
        try:
            return bool(self.painters(user))
        except ModelTrouble:
            return False

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
        return Route(
            provider=provider,
            asks=made_of(provider, model, key),
            name=model,
            key=key,
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
            max_output=row.max_output,
            priced_as=provider if row.priced_as == "" else row.priced_as,
        )


def falls_back(trouble: ModelTrouble) -> bool:
    """Whether the next model of the chain is asked."""
    return trouble.code in FALLS_BACK


def most_hopeful(troubles: Iterable[ModelTrouble]) -> ModelTrouble:
    """What is told of a chain that is through: who has to wait is told the shortest wait."""
    *_, last = every = list(troubles)
    waits = [trouble for trouble in every if trouble.retry_after is not None]
    return min(waits, key=lambda trouble: trouble.retry_after or 0, default=last)
