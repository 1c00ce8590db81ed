"""Each fault of a provider, played on a real server that speaks its language (R4.2b, R4.2c)."""

import asyncio
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from agent_workers.models.openai import OpenAIModel, retry_after
from agent_workers.models.provider import ModelTrouble
from agent_workers.models.table import Table

from .house import KEY, QUESTION, Haiku, House, a_provider, a_table, asked
from .provider_faults import ANSWERED, FAULTS, PAGE, Fault, shown, table

EACH = pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])


@pytest.fixture
def providers(llmock: Any) -> dict[str, Any]:
    """Two, of whom only the first ever fails."""
    return {
        "openai": a_provider(llmock.base_url("openai"), silence_seconds=3),
        "other": a_provider(llmock.base_url("groq"), "sk-of-the-other"),
    }


@pytest.fixture
def alone(providers: dict[str, Any]) -> Table:
    return a_table(providers, "openai/gpt-4o-mini")


@pytest.fixture
def in_a_row(providers: dict[str, Any]) -> Table:
    return a_table(providers, "openai/gpt-4o-mini", "other/gpt-4o")


def sent(llmock: Any, provider: str) -> int:
    return sum(request.provider == provider for request in llmock.requests)


@EACH
async def test_a_fault_has_its_name_and_its_number_of_requests(
    fault: Fault, alone: Table, house: House, llmock: Any
) -> None:
    fault.play(llmock)

    code, kind = ANSWERED, fault.kind
    try:
        await asked(house.door(alone))
    except ModelTrouble as trouble:
        code, kind = trouble.code, trouble.kind

    assert (code, kind) == (fault.alone, fault.kind)
    assert sent(llmock, "openai") == fault.sent


@EACH
async def test_the_next_model_is_asked_where_it_may_do_better(
    fault: Fault, in_a_row: Table, house: House, llmock: Any
) -> None:
    """And all is written down: what a cut stream may have cost too; a 429 costs nothing (R4.2d)."""
    fault.play(llmock)

    code = ANSWERED
    try:
        await asked(house.door(in_a_row))
    except ModelTrouble as trouble:
        code = trouble.code

    assert code == (ANSWERED if fault.on else fault.alone)
    assert (sent(llmock, "openai"), sent(llmock, "groq")) == (fault.sent, int(fault.on))
    first, *_ = attempts = await house.attempts()
    assert len(attempts) == fault.sent + fault.on
    assert (first["tokens_in"] > 0) == (fault.paid or first["outcome"] == ANSWERED)
    assert (first["cost"] > 0) == (first["tokens_in"] > 0)
    assert (first["code"] == "") == (first["outcome"] == ANSWERED)


def test_the_page_shows_what_the_tests_play() -> None:
    assert shown(PAGE.read_text()) == table(), "python agent-workers/tests/provider_faults.py"


async def test_a_chain_that_is_through_tells_the_shortest_wait(
    in_a_row: Table, house: House, llmock: Any
) -> None:
    llmock.rate_limit(retry_after=60, provider="openai")
    llmock.fail(500, provider="groq")

    with pytest.raises(ModelTrouble) as trouble:
        await asked(house.door(in_a_row))

    assert (trouble.value.kind, trouble.value.retry_after) == ("rate_limit", 60)


async def test_one_later_is_one_wait_for_all_who_ask(
    alone: Table, house: House, llmock: Any
) -> None:
    """While one has been asked to wait, no other sends a request with the same key."""
    llmock.rate_limit(retry_after=30)
    door = house.door(alone)
    with pytest.raises(ModelTrouble):
        await asked(door)

    crowd = await asyncio.gather(*(asked(door, str(n)) for n in range(9)), return_exceptions=True)

    assert {error.code for error in crowd if isinstance(error, ModelTrouble)} == {"rate_limited"}
    assert len(crowd) == 9
    assert sent(llmock, "openai") == 1


async def test_a_provider_that_cannot_be_reached_costs_nothing(house: House, llmock: Any) -> None:
    nowhere = a_table({"gone": a_provider("http://127.0.0.1:9/v1")}, "gone/gpt-4o-mini")

    with pytest.raises(ModelTrouble) as trouble:
        await asked(house.door(nowhere))

    [attempt] = await house.attempts()
    assert trouble.value.code == attempt["code"] == "model_away"
    assert (attempt["tokens_in"], attempt["cost"]) == (0, 0)


async def test_a_refusal_in_its_own_field_is_named_and_not_asked_for_again() -> None:
    """R4.2c: what is paid for is paid for once; the step's user hears why."""
    chunk = (
        'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        '[{"index":0,"delta":{"refusal":"I cannot help."},"finish_reason":"stop"}]}\n\n'
        "data: [DONE]\n\n"
    )
    asked_for: list[httpx.Request] = []

    def refusing(request: httpx.Request) -> httpx.Response:
        asked_for.append(request)
        return httpx.Response(200, text=chunk, headers={"content-type": "text/event-stream"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(refusing)) as http:
        model = OpenAIModel(AsyncOpenAI(api_key=KEY, http_client=http), "m")
        with pytest.raises(ModelTrouble) as trouble:
            await model.reply(QUESTION, Haiku, lambda _: None)

    assert (trouble.value.kind, trouble.value.code) == ("fatal", "refused")
    assert trouble.value.spent.out > 0
    assert len(asked_for) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 0.0),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=60.0) == seconds
