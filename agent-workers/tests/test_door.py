"""The model door against a real OpenAI-shaped server that fails on cue (R4.2a-d)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel
from sqlalchemy import select, text

from agent_workers.desk import InvalidOutput
from agent_workers.models.door import Door
from agent_workers.models.ledger import Asker, Ledger, PaidCall
from agent_workers.models.openai import OpenAIModel
from agent_workers.models.provider import ModelTrouble
from chassis.broker import connect
from chassis.database import Database
from chassis.ids import new_id
from chassis.outbox import Outbox, OutboxRow
from journal_contracts.catalogue import WORKERS
from journal_contracts.message import StepRef

KEY = "sk-canary-0123456789"


class Haiku(BaseModel):
    """What is asked for."""

    lines: list[str]


STEP = StepRef(journal_id=UUID(int=1), user_id=UUID(int=2), phase="curation", part="journal-frame")
ASKER = Asker(STEP, "content_curator")
QUESTION = [{"role": "user", "content": "A haiku, please."}]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        await database.migrate("agent_workers")
        yield database


@pytest.fixture
async def model(llmock: Any) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel("gpt-4o-mini", KEY, llmock.base_url("openai"))
    yield model
    await model.close()


def a_ledger(database: Database) -> Ledger:
    """The ledger of a process of its own."""
    outbox = Outbox(database, connect(WORKERS, "amqp://nowhere"))
    return Ledger(database, outbox, owner=new_id())


def a_door(database: Database, model: OpenAIModel) -> Door:
    """A door of a process of its own."""
    return Door(model, a_ledger(database))


async def asked(door: Door, round_: str = "0") -> Haiku:
    answer = await door.answer(ASKER, round_, QUESTION, Haiku, on_text=lambda _: None)
    return Haiku.model_validate_json(answer)


async def test_a_reply_is_paid_for_once(
    database: Database, model: OpenAIModel, llmock: Any
) -> None:
    first = await asked(a_door(database, model))

    again = await asked(a_door(database, model))

    assert again == first
    assert len(llmock.requests) == 1


async def test_a_wanted_re_do_is_a_new_question(
    database: Database, model: OpenAIModel, llmock: Any
) -> None:
    door = a_door(database, model)

    await asked(door, "0")
    await asked(door, "1")

    assert len(llmock.requests) == 2


async def test_two_workers_that_ask_the_same_at_once_pay_once(
    database: Database, model: OpenAIModel, llmock: Any
) -> None:
    llmock.slow_first_token(0.3)

    await asyncio.gather(asked(a_door(database, model)), asked(a_door(database, model)))

    assert len(llmock.requests) == 1


async def test_the_call_of_a_dead_worker_is_made_again_and_counted(
    database: Database, model: OpenAIModel, llmock: Any
) -> None:
    llmock.stall(seconds=30)
    dying = asyncio.create_task(asked(a_door(database, model)))
    async with asyncio.timeout(10):
        while not await _claims(database):
            await asyncio.sleep(0)
    async with database.transaction() as session:
        await session.execute(text("update paid_call set lease_until = now() - interval '1 s'"))

    answer = asyncio.create_task(asked(a_door(database, model)))
    await asyncio.wait_for(answer, 10)
    dying.cancel()

    [call] = await _claims(database)
    assert call.lost == 1
    assert call.reply is not None


async def test_a_cancelled_call_closes_its_stream_and_keeps_nothing(
    database: Database, model: OpenAIModel, llmock: Any
) -> None:
    llmock.stall(seconds=30)
    call = asyncio.create_task(asked(a_door(database, model)))
    async with asyncio.timeout(10):
        while not await _claims(database):
            await asyncio.sleep(0)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await _claims(database) == []


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (lambda m: m.rate_limit(retry_after=7), "rate_limit", "rate_limited"),
        (lambda m: m.fail(500), "infrastructure", "model_error"),
        (lambda m: m.fail(401), "fatal", "bad_key"),
        (lambda m: m.fail(400), "fatal", "bad_request"),
        (lambda m: m.truncate(after_chunks=1), "infrastructure", "stream_cut"),
        (lambda m: m.disconnect(after_chunks=1), "infrastructure", "stream_cut"),
        (lambda m: m.corrupt(after_chunks=1), "infrastructure", "stream_cut"),
    ],
    ids=["429", "500", "401", "400", "truncated", "disconnected", "corrupted"],
)
async def test_a_fault_of_the_provider_is_named_after_one_request(
    fault: Any, kind: str, code: str, database: Database, model: OpenAIModel, llmock: Any
) -> None:
    fault(llmock)

    with pytest.raises(ModelTrouble) as trouble:
        await asked(a_door(database, model))

    assert (trouble.value.kind, trouble.value.code) == (kind, code)
    assert len(llmock.requests) == 1
    assert KEY not in str(trouble.value) + trouble.value.detail
    assert trouble.value.retry_after == (7 if code == "rate_limited" else None)


async def test_a_reply_that_does_not_fit_is_sent_back_twice_at_most(
    database: Database, model: OpenAIModel, llmock: Any
) -> None:
    llmock.reply('{"lines": "not a list"}', times=3)

    with pytest.raises(InvalidOutput):
        await asked(a_door(database, model))

    assert len(llmock.requests) == 3


async def test_a_reply_that_is_mended_is_taken(
    database: Database, model: OpenAIModel, llmock: Any
) -> None:
    llmock.reply("no json at all", times=1)

    await asked(a_door(database, model))

    assert len(llmock.requests) == 2


async def test_every_call_is_priced_recorded_and_reported_once(
    database: Database, model: OpenAIModel
) -> None:
    await asked(a_door(database, model))

    first = await a_ledger(database).usage_of(STEP)
    again = await a_ledger(database).usage_of(STEP)
    of_the_next_attempt = await a_ledger(database).usage_of(STEP.model_copy(update={"attempt": 2}))
    async with database.transaction() as session:
        recorded = (await session.scalars(select(OutboxRow.name))).all()

    assert first.calls == 1
    assert first.tokens_in > 0
    assert first.cost is not None
    assert first.cost > 0
    assert again == first
    assert of_the_next_attempt.calls == 0
    assert recorded == ["ai.usage.recorded.v1"]


async def test_an_unknown_model_is_unpriced_not_free(database: Database, llmock: Any) -> None:
    model = OpenAIModel("a-model-nobody-lists", KEY, llmock.base_url("openai"))

    await asked(a_door(database, model))
    await model.close()

    assert (await a_ledger(database).usage_of(STEP)).cost is None


async def _claims(database: Database) -> list[PaidCall]:
    async with database.transaction() as session:
        return list((await session.scalars(select(PaidCall))).all())
