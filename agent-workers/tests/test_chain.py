"""Which models are asked for whom, and with whose key (R4.2a, R4.2c)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from agent_workers.models.attempts import Asker
from agent_workers.models.chain import Chains
from agent_workers.models.clients import OpenAIClients
from agent_workers.models.keys import Key, OwnKeys
from agent_workers.models.offline import OFFLINE
from agent_workers.models.provider import ModelTrouble
from agent_workers.models.table import OwnKeysRow, Row, Table, read, table_of_one
from agent_workers.models.vault import Vault

from .house import ASKER, KEY, STEP, House, a_provider, a_table, asked

JOURNAL = UUID(int=1)
ADA, BEN = UUID(int=0xADA), UUID(int=0xBE)
OWN = {ADA: "sk-canary-of-ada-0123456789", BEN: "sk-canary-of-ben-0123456789"}

EXAMPLE = Path(__file__).parents[1] / "models.example.toml"

ALONE, AFTERWARDS = OwnKeysRow(), OwnKeysRow(then_the_platforms=True)


def own(user: UUID = ADA, provider: str = "openai") -> OwnKeys:
    """What the vault says, of one user who has a key to one provider."""

    async def fetch(asked: UUID, _: UUID) -> dict[str, SecretStr]:
        return {provider: SecretStr(OWN[user])} if asked == user else {}

    return OwnKeys(fetch)


def chains_of(table: Table, keys: OwnKeys | None = None, row: OwnKeysRow = ALONE) -> Chains:
    told = table.model_copy(update={"own_keys": row})
    return Chains(told, OpenAIClients(told.providers), keys)


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


async def test_a_users_key_goes_before_the_platforms_and_serves_alone(table: Table) -> None:
    keys = own()
    chains = chains_of(table, keys)

    async with keys.at_hand(ADA, JOURNAL), keys.at_hand(BEN, JOURNAL):
        ada, ben = (chains.writers("discovery", "", user) for user in (ADA, BEN))

    assert [(r.provider, r.key.own) for r in ada] == [("openai", True)]
    assert [(r.provider, r.key.own) for r in ben] == [("openai", False), ("other", False)]


async def test_the_platforms_keys_follow_only_where_the_table_says_so(table: Table) -> None:
    keys = own()
    chains = chains_of(table, keys, AFTERWARDS)

    async with keys.at_hand(ADA, JOURNAL):
        routes = chains.writers("discovery", "", ADA)

    assert [(r.provider, r.key.own) for r in routes] == [
        ("openai", True),
        ("openai", False),
        ("other", False),
    ]


async def test_own_keys_that_open_none_of_these_models_are_named(table: Table) -> None:
    keys = own(provider="elsewhere")
    chains = chains_of(table, keys)

    async with keys.at_hand(ADA, JOURNAL):
        with pytest.raises(ModelTrouble) as trouble:
            chains.writers("discovery", "", ADA)

    assert trouble.value.code == "no_key_for_this"


async def test_a_key_is_at_hand_while_its_users_steps_are_worked_and_no_longer() -> None:
    keys = own()
    async with keys.at_hand(ADA, JOURNAL):
        async with keys.at_hand(ADA, UUID(int=2)):
            within = keys.of(ADA)
        still = keys.of(ADA)

    assert within["openai"].secret.get_secret_value() == OWN[ADA]
    assert still == within
    assert keys.of(ADA) == {}
    assert OWN[ADA] not in repr(keys.__dict__)


async def test_a_users_key_that_is_refused_is_named_and_nobody_elses_is_used(
    house: House, llmock: Any
) -> None:
    llmock.fail(401, message=f"no such key: {OWN[ADA]}", times=None)
    table = a_table(
        {"openai": a_provider(llmock.base_url("openai"))},
        "openai/gpt-4o-mini",
        own_keys=AFTERWARDS,
    )
    keys = own()

    async with keys.at_hand(ADA, JOURNAL):
        with pytest.raises(ModelTrouble) as trouble:
            await asked(house.door(table, own=keys), asker=of(ADA))

    assert trouble.value.code == "bad_key"
    assert len(llmock.requests) == 1


class Answers(httpx.AsyncBaseTransport):
    """The auth service: what it answers, and what it was asked."""

    def __init__(self, status: int, body: dict[str, Any] | None = None) -> None:
        self._answer, self.asked = (status, body), list[Any]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        status, body = self._answer
        return httpx.Response(status, json=body)


def vault_of(answers: Answers, *providers: str) -> Vault:
    return Vault(httpx.AsyncClient(transport=answers, base_url="http://auth.test"), providers)


async def test_the_vault_is_asked_for_the_providers_of_the_table_and_no_others() -> None:
    answers = Answers(200, {"keys": {"openai": OWN[ADA]}})

    told = await vault_of(answers, "other", "openai").keys_for(ADA, JOURNAL)
    nothing = await vault_of(answers).keys_for(ADA, JOURNAL)

    assert {name: key.get_secret_value() for name, key in told.items()} == {"openai": OWN[ADA]}
    assert nothing == {}
    assert answers.asked == [
        {"journal_id": str(JOURNAL), "user_id": str(ADA), "providers": ["openai", "other"]}
    ]


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (403, {}, "fatal", "not_granted"),
        (503, {}, "infrastructure", "vault_away"),
        (200, {"wrong": 1}, "infrastructure", "vault_away"),
    ],
)
async def test_without_an_answer_nobodys_key_is_used(
    status: int, body: dict[str, Any], kind: str, code: str
) -> None:
    """Least of all the platform's: its user wanted to pay with their own."""
    with pytest.raises(ModelTrouble) as trouble:
        await vault_of(Answers(status, body), "openai").keys_for(ADA, JOURNAL)

    assert (trouble.value.kind, trouble.value.code) == (kind, code)


def of(user: UUID, journal: int = 1) -> Asker:
    step = STEP.model_copy(update={"user_id": user, "journal_id": UUID(int=journal)})
    return replace(ASKER, step=step)
