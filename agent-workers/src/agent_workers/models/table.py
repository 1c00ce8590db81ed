"""The table of models: who offers them, in which order they are asked, and which agent asks whom.

It is one TOML file, named by `JCC_MODELS`; without it the three simple settings make a table of
one entry, and without those the offline writer is the table.
"""

import tomllib
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

DEFAULT: Final = "default"
PICTURES: Final = "pictures"
OFFLINE_ENTRY: Final = "offline"
"""How a chain names the offline writer. It is in no chain that does not name it."""

OUTPUT: Final = 16_000
"""Tokens a reply may have at most, where a provider's row says nothing."""


class Row(BaseModel):
    """What every part of the table is: frozen, strict, and silent about what it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProviderRow(Row):
    """One provider: where it is, how it is paid, and how much it takes a minute."""

    base_url: str | None = None
    """None: OpenAI's own."""
    key: SecretStr | None = None
    key_file: Path | None = None
    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_minute: int | None = Field(default=None, gt=0)
    max_output: int = Field(default=OUTPUT, gt=0)
    output_limit: Literal["max_completion_tokens", "max_tokens", ""] = "max_completion_tokens"
    """How it is told that bound; "" for a server that knows neither word."""
    silence_seconds: float = Field(default=120, gt=0)
    """How long it may say nothing before the call has timed out."""
    priced_as: str | None = ""
    """Its name in the price lists: its own here unless said; None: any provider's price does."""
    pictures_as: Literal["url", "b64_json", ""] = ""
    """The form to ask pictures in; "" for models that have one form only."""

    @property
    def secret(self) -> SecretStr | None:
        """The platform's key, if it has one here."""
        return SecretStr(self.key_file.read_text().strip()) if self.key_file else self.key


class OwnKeysRow(Row):
    """What holds for users who have own keys in the vault."""

    then_the_platforms: bool = False
    """Whether the platform's keys serve such a user where the own ones cannot."""


class Entry(Row):
    """One model of one provider, in its place in a chain."""

    provider: str
    model: str


class Table(Row):
    """Providers by name; chains by name, each in the order of asking; agents with one of theirs."""

    providers: dict[str, ProviderRow] = {}
    chains: dict[str, tuple[str, ...]]
    agents: dict[str, str] = {}
    own_keys: OwnKeysRow = OwnKeysRow()

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if DEFAULT not in self.chains:
            raise ValueError(f"there is no chain {DEFAULT!r}")
        for name, entries in self.chains.items():
            if not entries:
                raise ValueError(f"the chain {name!r} is empty")
            for entry in map(entry_of, entries):
                if entry and entry.provider not in self.providers:
                    raise ValueError(f"the chain {name!r} names no provider of the table: {entry}")
        if OFFLINE_ENTRY in self.chains.get(PICTURES, ()):
            raise ValueError("the offline writer paints no pictures; the house's painter steps in")
        if strays := set(self.agents.values()) - self.chains.keys():
            raise ValueError(f"agents are given chains that do not exist: {sorted(strays)}")
        return self


def entry_of(text: str) -> Entry | None:
    """`provider/model`, where the model may hold slashes itself; None is the offline writer."""
    if text == OFFLINE_ENTRY:
        return None
    provider, _, model = text.partition("/")
    if not provider or not model:
        raise ValueError(f"{text!r} is not `provider/model`")
    return Entry(provider=provider, model=model)


def read(file: Path) -> Table:
    """The table in a file."""
    return Table.model_validate(tomllib.loads(file.read_text()))


def table_of_one(model: str, key: SecretStr | None, base_url: str | None) -> Table:
    """One model of one provider; with neither key nor address, the offline writer."""
    if key is None and base_url is None:
        return Table(chains={DEFAULT: (OFFLINE_ENTRY,)})
    provider = ProviderRow(base_url=base_url, key=key, priced_as=None)
    return Table(providers={"openai": provider}, chains={DEFAULT: (f"openai/{model}",)})
