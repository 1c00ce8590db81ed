"""Which models are asked for whom, and with whose key (R4.2a, R4.2c)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr, ValidationError

from agent_workers.models.attempts import Asker
from agent_workers.models.chain import Chains
from agent_workers.models.clients import OpenAIClients
from agent_workers.models.keys import Key
from agent_workers.models.offline import OFFLINE
from agent_workers.models.provider import ModelTrouble
from agent_workers.models.table import OwnKeysRow, Row, Table, read, table_of_one

from .house import ASKER, KEY, STEP, House, a_provider, a_table, asked

ADA, BEN = UUID(int=0xADA), UUID(int=0xBE)
OWN = {ADA: "sk-canary-of-ada-0123456789", BEN: "sk-canary-of-ben-0123456789"}

EXAMPLE = Path(__file__).parents[1] / "models.example.toml"

MakeKeys = Callable[..., OwnKeysRow]


@pytest.fixture
def own_keys(tmp_path: Path) -> MakeKeys:
    def write(keys: dict[UUID, str], provider: str = "openai", **how: bool) -> OwnKeysRow:
        file = tmp_path / "own-keys.toml"
        file.write_text("".join(f'[users."{u}"]\n{provider} = "{k}"\n' for u, k in keys.items()))
        return OwnKeysRow(file=file, **how)

    return write


def chains_of(table: Table, own_keys: OwnKeysRow | None = None) -> Chains:
    told = table.model_copy(update={"own_keys": own_keys or table.own_keys})
    return Chains(told, OpenAIClients(told.providers))


def names(chains: Chains, agent: str = "editor", models: str = "", user: UUID = ADA) -> list[str]:
    return [f"{r.provider}/{r.name}" for r in chains.writers(agent, models, user)]


@pytest.fixture
def table() -> Table:
    providers = {name: a_provider("http://127.0.0.1:9/v1") for name in ("openai", "other")}
    table = a_table(
        providers,
        "openai/small",
        "other/org/large",
        fine=["other/org/large"],
        cheaper=["openai/tiny", "offline"],
    )
    return table.model_copy(update={"agents": {"editor": "fine"}})


async def test_an_agent_has_the_chain_that_the_table_gives_it(table: Table) -> None:
    chains = chains_of(table)

    assert names(chains, "editor") == ["other/org/large"]
    assert names(chains, "discovery") == ["openai/small", "other/org/large"]


async def test_what_the_request_names_goes_before_the_agents_own(table: Table) -> None:
    assert names(chains_of(table), models="cheaper") == ["openai/tiny", f"offline/{OFFLINE}"]


async def test_a_choice_that_does_not_exist_is_named(table: Table) -> None:
    with pytest.raises(ModelTrouble) as trouble:
        names(chains_of(table), models="finest")

    assert (trouble.value.kind, trouble.value.code) == ("fatal", "no_such_models")


async def test_the_offline_writer_is_in_no_chain_that_does_not_name_it(
    house: House, llmock: Any
) -> None:
    """A book must never silently become sample text."""
    llmock.outage()
    table = a_table({"openai": a_provider(llmock.base_url("openai"))}, "openai/gpt-4o-mini")

    with pytest.raises(ModelTrouble) as trouble:
        await asked(house.door(table))

    assert trouble.value.code == "model_error"
    assert [attempt["model"] for attempt in await house.attempts()] == ["gpt-4o-mini"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"chains": {"fine": ("offline",)}},
        {"chains": {"default": ()}},
        {"chains": {"default": ("nobody/model",)}},
        {"chains": {"default": ("gpt",)}},
        {"chains": {"default": ("offline",), "pictures": ("offline",)}},
        {"chains": {"default": ("offline",)}, "agents": {"editor": "fine"}},
        {"chains": {"default": ("offline",)}, "providers": {"openai": {"kye": KEY}}},
        {"chains": {"default": ("offline",)}, "providers": {"openai": {"key": {"is": KEY}}}},
    ],
    ids=str,
)
def test_a_table_that_does_not_hang_together_is_refused_without_its_keys(wrong: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Table.model_validate(wrong)

    assert KEY not in str(refused.value)


def test_the_simple_settings_make_a_table_of_one() -> None:
    one = table_of_one("gpt-4o-mini", SecretStr(KEY), None)
    none = table_of_one("gpt-4o-mini", None, None)

    assert one.chains == {"default": ("openai/gpt-4o-mini",)}
    assert none.chains == {"default": ("offline",)}


def test_the_example_is_a_table() -> None:
    table = read(EXAMPLE)

    assert {"openai", "anthropic", "google", "ollama", "vllm", "llamacpp"} == set(table.providers)
    assert {"default", "fine", "cheaper", "pictures"} == set(table.chains)


def test_a_key_shows_itself_nowhere() -> None:
    """R4.2a: not in a repr, a dump or an error; its mark tells two apart."""
    key = Key(SecretStr(KEY))
    row: Row = a_provider("http://127.0.0.1:9/v1")

    shown = f"{key} {key!r} {row} {row!r} {row.model_dump()} {row.model_dump_json()}"
    assert KEY not in shown
    assert len(key.mark) == 8
    assert key.mark not in KEY
    assert key.mark != Key(SecretStr(KEY + "1")).mark
    assert Key().mark == ""


async def test_a_users_key_goes_before_the_platforms_and_serves_alone(
    table: Table, own_keys: MakeKeys
) -> None:
    chains = chains_of(table, own_keys({ADA: OWN[ADA]}))

    ada, ben = (chains.writers("discovery", "", user) for user in (ADA, BEN))

    assert [(r.provider, r.key.own) for r in ada] == [("openai", True)]
    assert [(r.provider, r.key.own) for r in ben] == [("openai", False), ("other", False)]


async def test_the_platforms_keys_follow_only_where_the_table_says_so(
    table: Table, own_keys: MakeKeys
) -> None:
    told = own_keys({ADA: OWN[ADA]}, then_the_platforms=True)
    chains = chains_of(table, told)

    routes = chains.writers("discovery", "", ADA)

    assert [(r.provider, r.key.own) for r in routes] == [
        ("openai", True),
        ("openai", False),
        ("other", False),
    ]


async def test_own_keys_that_open_none_of_these_models_are_named(
    table: Table, own_keys: MakeKeys
) -> None:
    told = own_keys({ADA: OWN[ADA]}, provider="elsewhere")
    chains = chains_of(table, told)

    with pytest.raises(ModelTrouble) as trouble:
        chains.writers("discovery", "", ADA)

    assert trouble.value.code == "no_key_for_this"


async def test_a_key_that_was_taken_back_is_no_longer_used(
    table: Table, own_keys: MakeKeys
) -> None:
    chains = chains_of(table, own_keys({ADA: OWN[ADA]}))
    assert chains.writers("discovery", "", ADA)[0].key.own

    own_keys({})

    assert not chains.writers("discovery", "", ADA)[0].key.own


async def test_a_users_key_that_is_refused_is_named_and_nobody_elses_is_used(
    house: House, own_keys: MakeKeys, llmock: Any
) -> None:
    llmock.fail(401, message=f"no such key: {OWN[ADA]}", times=None)
    table = a_table(
        {"openai": a_provider(llmock.base_url("openai"))},
        "openai/gpt-4o-mini",
        own_keys=own_keys({ADA: OWN[ADA]}, then_the_platforms=True),
    )

    with pytest.raises(ModelTrouble) as trouble:
        await asked(house.door(table), asker=of(ADA))

    assert trouble.value.code == "bad_key"
    assert len(llmock.requests) == 1


def of(user: UUID, journal: int = 1) -> Asker:
    step = STEP.model_copy(update={"user_id": user, "journal_id": UUID(int=journal)})
    return replace(ASKER, step=step)
