"""The model door against a real OpenAI-shaped server that fails on cue (R4.2a-d)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import aiormq
import pytest
from pydantic import BaseModel

from agent_workers.desk import InvalidOutput
from agent_workers.models.door import Door
from agent_workers.models.ledger import Asker, JournalEnded, Ledger
from agent_workers.models.openai import OpenAIModel
from agent_workers.models.provider import ModelTrouble
from chassis.broker import Speaker, connect, open_broker
from chassis.database import Database, Pool, open_pool
from chassis.ids import new_id, now
from journal_contracts.catalogue import WORKERS
from journal_contracts.events import CraftCancelled, UsageRecorded
from journal_contracts.message import StepRef

KEY = "sk-canary-0123456789"


class Haiku(BaseModel):
    """What is asked for."""

    lines: list[str]


STEP = StepRef(journal_id=UUID(int=1), user_id=UUID(int=2), phase="curation", part="journal-frame")
ASKER = Asker(STEP, "content_curator")
QUESTION = [{"role": "user", "content": "A haiku, please."}]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with Database.open(database_url) as database:
        await database.migrate("agent_workers")
    async with open_pool(database_url) as pool:
        yield pool


@pytest.fixture
async def model(llmock: Any) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel("gpt-4o-mini", KEY, llmock.base_url("openai"))
    yield model
    await model.close()


def a_ledger(pool: Pool) -> Ledger:
    """The ledger of a process of its own."""
    return Ledger(pool, owner=new_id())


def a_door(pool: Pool, model: OpenAIModel) -> Door:
    """A door of a process of its own."""
    return Door(model, a_ledger(pool))


async def asked(door: Door, round_: str = "0") -> Haiku:
    answer = await door.answer(ASKER, round_, QUESTION, Haiku, on_text=lambda _: None)
    return Haiku.model_validate_json(answer)


async def test_a_reply_is_paid_for_once(pool: Pool, model: OpenAIModel, llmock: Any) -> None:
    first = await asked(a_door(pool, model))

    again = await asked(a_door(pool, model))

    assert again == first
    assert len(llmock.requests) == 1


async def test_a_wanted_re_do_is_a_new_question(
    pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    door = a_door(pool, model)

    await asked(door, "0")
    await asked(door, "1")

    assert len(llmock.requests) == 2


async def test_no_call_is_made_for_a_journal_that_was_cancelled(
    pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    """R3.2d: who missed the news asks the ledger; a journal taken up again is another matter."""
    at_seven = CraftCancelled(
        journal_id=STEP.journal_id, user_id=STEP.user_id, n=7, at=now(), percent=9
    )
    await a_ledger(pool).end(at_seven)

    with pytest.raises(JournalEnded):
        await asked(a_door(pool, model))
    assert len(llmock.requests) == 0

    later = replace(ASKER, since=8)
    await a_door(pool, model).answer(later, "0", QUESTION, Haiku, on_text=lambda _: None)
    assert len(llmock.requests) == 1


async def test_two_workers_that_ask_the_same_at_once_pay_once(
    pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    llmock.slow_first_token(0.3)

    await asyncio.gather(asked(a_door(pool, model)), asked(a_door(pool, model)))

    assert len(llmock.requests) == 1


async def test_the_call_of_a_dead_worker_is_made_again_and_counted(
    pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    llmock.stall(seconds=30)
    dying = asyncio.create_task(asked(a_door(pool, model)))
    async with asyncio.timeout(10):
        while not await _claims(pool):
            await asyncio.sleep(0)
    await pool.execute("update paid_call set lease_until = now() - interval '1 s'")

    answer = asyncio.create_task(asked(a_door(pool, model)))
    await asyncio.wait_for(answer, 10)
    dying.cancel()

    [call] = await _claims(pool)
    assert call["lost"] == 1
    assert call["reply"] is not None


async def test_a_call_is_its_workers_own_for_as_long_as_was_told(pool: Pool) -> None:
    hasty, patient = Ledger(pool, new_id(), lease_seconds=0), a_ledger(pool)

    claims = [await ledger.claim("a question", ASKER, "a model") for ledger in (hasty, patient)]

    assert claims == [True, True]
    assert not await hasty.claim("a question", ASKER, "a model")


async def test_a_cancelled_call_closes_its_stream_and_keeps_nothing(
    pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    llmock.stall(seconds=30)
    call = asyncio.create_task(asked(a_door(pool, model)))
    async with asyncio.timeout(10):
        while not await _claims(pool):
            await asyncio.sleep(0)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await _claims(pool) == []


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
    fault: Any, kind: str, code: str, pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    fault(llmock)

    with pytest.raises(ModelTrouble) as trouble:
        await asked(a_door(pool, model))

    assert (trouble.value.kind, trouble.value.code) == (kind, code)
    assert len(llmock.requests) == 1
    assert KEY not in str(trouble.value) + trouble.value.detail
    assert trouble.value.retry_after == (7 if code == "rate_limited" else None)


async def test_a_reply_that_does_not_fit_is_sent_back_twice_at_most(
    pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    llmock.reply('{"lines": "not a list"}', times=3)

    with pytest.raises(InvalidOutput):
        await asked(a_door(pool, model))

    assert len(llmock.requests) == 3


async def test_a_reply_that_is_mended_is_taken(pool: Pool, model: OpenAIModel, llmock: Any) -> None:
    llmock.reply("no json at all", times=1)

    await asked(a_door(pool, model))

    assert len(llmock.requests) == 2


async def test_every_call_is_priced_announced_and_counted_once(
    pool: Pool, model: OpenAIModel, amqp_url: str
) -> None:
    await asked(a_door(pool, model))

    first = await a_ledger(pool).usage_of(STEP)
    again = await a_ledger(pool).usage_of(STEP)
    of_the_next_attempt = await a_ledger(pool).usage_of(STEP.model_copy(update={"attempt": 2}))
    recorded = await _announced(pool, amqp_url)

    assert first.calls == 1
    assert first.tokens_in > 0
    assert first.cost is not None
    assert first.cost > 0
    assert again == first
    assert of_the_next_attempt.calls == 0
    assert (recorded.usage, recorded.journal_id) == (first, STEP.journal_id)
    assert await pool.fetchval("select announced from paid_call")


async def test_an_unknown_model_is_unpriced_not_free(pool: Pool, llmock: Any) -> None:
    model = OpenAIModel("a-model-nobody-lists", KEY, llmock.base_url("openai"))

    await asked(a_door(pool, model))
    await model.close()

    assert (await a_ledger(pool).usage_of(STEP)).cost is None


async def _claims(pool: Pool) -> list[Any]:
    return await pool.fetch("select * from paid_call")  # type: ignore[no-any-return] # records


async def _announced(pool: Pool, amqp_url: str) -> UsageRecorded:
    """What somebody who listens hears of the one call."""
    speaker = Speaker(WORKERS, amqp_url)
    async with open_broker(connect(WORKERS, amqp_url)), aiormq.Connection(amqp_url) as line:
        channel = await line.channel()
        queue = (await channel.queue_declare(exclusive=True)).queue or ""
        await channel.queue_bind(queue, "events", UsageRecorded.name)
        announcing = asyncio.create_task(a_ledger(pool).keep_announcing(speaker))
        async with asyncio.timeout(10):
            while not (heard := await channel.basic_get(queue, no_ack=True)).body:
                await asyncio.sleep(0.01)
            while not await pool.fetchval("select announced from paid_call"):
                await asyncio.sleep(0.01)
        announcing.cancel()
        await speaker.close()
    return UsageRecorded.model_validate_json(heard.body)


async def test_a_reply_that_cannot_be_kept_now_is_kept_a_little_later(
    pool: Pool, model: OpenAIModel, llmock: Any
) -> None:
    """R4.2c: it is paid for; no other call is made instead."""
    llmock.slow_first_token(0.3)
    call = asyncio.create_task(asked(a_door(pool, model)))
    async with asyncio.timeout(10):
        while not await _claims(pool):
            await asyncio.sleep(0)
    await pool.execute(
        """
        create function no_room() returns trigger language plpgsql as $$
        begin raise exception 'no space left on device' using errcode = '53100'; end $$;
        create trigger no_room before update on paid_call execute function no_room()
        """
    )
    await asyncio.sleep(1)
    assert not call.done()

    await pool.execute("drop trigger no_room on paid_call")
    await asyncio.wait_for(call, 10)

    [claim] = await _claims(pool)
    assert (claim["lost"], len(llmock.requests)) == (0, 1)
    assert claim["reply"] is not None
