"""How a worker leaves, lets go of a step, and lets others read along (R1.1d, R3.2c, R3.2d, R8.2c).

Each is a process of its own, the whole service around a crew of three phases. Its model answers
when it is let, so nothing here depends on how fast a machine is.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pytest
from llmock import completion

from chassis.database import Pool
from chassis.ids import now
from journal_contracts.events import CraftCancelled, StepFailed, StepFinished, TextWanted

from .office import PATIENCE, Office, Staff, Worker, a_step
from .staffing import GROWN, Haiku

HAIKU: Final = Haiku(
    lines=["Steam over the cup", "the window grows light", "a page"]
).model_dump_json()
"""Of the model's own: other tests of the process may have taught llmock to write journals."""


@dataclass
class Model:
    """It answers the first question at once, and others when it is let go."""

    llmock: Any
    asked: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    questions: int = 0

    def hold(self) -> None:
        self.questions += 1
        if self.questions > 1:
            self.asked.set()
            self.let_go.wait(PATIENCE)

    async def is_asked(self) -> None:
        """Until the second question is with it."""
        assert await asyncio.to_thread(self.asked.wait, PATIENCE)

    def asked_for(self) -> list[str]:
        """A mark of each question, as often as it was asked."""
        return [record.fingerprint for record in self.llmock.requests]


@pytest.fixture
def model(llmock: Any, monkeypatch: pytest.MonkeyPatch) -> Model:
    model = Model(llmock)

    def held(*told: Any) -> str:
        model.hold()
        return HAIKU

    monkeypatch.setattr(completion, "_structured_text", held)
    return model


class Hire(Protocol):
    """Lets a worker with these settings begin."""

    def __call__(self, **told: str) -> AbstractAsyncContextManager[Worker]: ...


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staff]:
    with Staff.open(tmp_path_factory.mktemp("staff")) as staff:
        yield staff


@pytest.fixture
def hire(
    staff: Staff, llmock: Any, pool: Pool, amqp_url: str, database_url: str, blobs_url: str
) -> Hire:
    surroundings = {
        "JCC_AMQP_URL": amqp_url,
        "JCC_DATABASE_URL": database_url,
        "JCC_BLOBS_URL": blobs_url,
        "JCC_OPENAI_BASE_URL": llmock.base_url("openai"),
    }
    return lambda **told: staff.worker(**surroundings, **told)


async def test_a_worker_that_is_told_to_leave_finishes_its_step(
    hire: Hire, model: Model, amqp_url: str
) -> None:
    """It says at once that it has no room, and its answer is the only one."""
    async with hire() as worker, Office.open(amqp_url) as office:
        step = await office.give("editing")
        await model.is_asked()

        worker.leave()
        await office.until_there_is_no_room()
        model.let_go.set()
        answer = await office.answer()

        assert await worker.end() == os.EX_OK
        assert isinstance(answer, StepFinished)
        assert answer.journal_id == step.journal_id
        assert await office.steps_left() == 0
        assert len(model.asked_for()) == 2


async def test_what_takes_too_long_is_handed_to_another_worker(
    hire: Hire, model: Model, amqp_url: str
) -> None:
    """What was kept is not asked for again; the call that was cut is, and is counted."""
    async with hire(JCC_GRACE_SECONDS="0.2") as worker, Office.open(amqp_url) as office:
        await office.give("editing")
        await model.is_asked()

        worker.leave()
        assert await worker.end() == os.EX_OK
        assert (office.answers, await office.steps_left()) == ([], 1)
        model.let_go.set()
        async with hire():
            answer = await office.answer()

    first, cut, again = model.asked_for()
    assert isinstance(answer, StepFinished)
    assert cut == again != first
    assert answer.usage.calls == 3


async def test_a_worker_that_grows_too_large_finishes_its_step_and_is_begun_anew(
    hire: Hire, model: Model, amqp_url: str
) -> None:
    async with hire(JCC_MEMORY_MIB=str(GROWN + 200)) as worker, Office.open(amqp_url) as office:
        await office.give("research")
        await model.is_asked()

        await office.until_there_is_no_room()
        model.let_go.set()
        answer = await office.answer()

        assert await worker.end() == os.EX_TEMPFAIL
        assert isinstance(answer, StepFinished)


@pytest.mark.usefixtures("model")
async def test_a_cancelled_journal_closes_the_stream_of_its_model(
    hire: Hire, llmock: Any, amqp_url: str
) -> None:
    """The server sees it go long before its own end of the stream, and nothing is answered."""
    llmock.stall(seconds=PATIENCE, after_chunks=2)
    async with hire() as worker, Office.open(amqp_url) as office:
        step = await office.give("editing")
        await office.until_it_does("writing")

        end = CraftCancelled(
            journal_id=step.journal_id, user_id=step.user_id, n=7, at=now(), percent=9
        )
        await office.say(end, step.journal_id)
        async with asyncio.timeout(PATIENCE / 2):
            while not (requests := await asyncio.to_thread(lambda: llmock.requests)):
                await asyncio.sleep(0.05)

        [request] = requests
        assert not request.completed
        assert request.stall_waited < PATIENCE / 2
        worker.leave()
        assert await worker.end() == os.EX_OK
        assert (office.answers, await office.steps_left()) == ([], 0)


async def test_a_step_that_gives_no_sign_of_life_has_failed_and_the_next_is_taken(
    hire: Hire, model: Model, amqp_url: str
) -> None:
    model.let_go.set()
    told = {"JCC_SILENCE_SECONDS": "5", "JCC_WRITING_AT_ONCE": "1"}
    async with hire(**told), Office.open(amqp_url) as office:
        hung, whole = await office.give("review"), await office.give("editing")

        failed, finished = await office.answer(), await office.answer()

    assert isinstance(failed, StepFailed)
    assert isinstance(finished, StepFinished)
    assert (failed.journal_id, failed.kind, failed.code) == (
        hung.journal_id,
        "timeout",
        "step_hung",
    )
    assert finished.journal_id == whole.journal_id


async def test_who_reads_along_is_told_the_text_and_nobody_else_is(
    hire: Hire, model: Model, amqp_url: str
) -> None:
    """R1.2c: what the model writes, as it writes it, of the one journal that is read."""
    async with hire(), Office.open(amqp_url) as office:
        read, unread = a_step("editing"), a_step("editing")
        wanted = TextWanted(journal_id=read.journal_id, user_id=read.user_id)
        await office.say(wanted, read.journal_id)
        for step in (read, unread):
            await office.give("editing", step)
        await model.is_asked()
        model.let_go.set()

        answers = [await office.answer() for _ in range(2)]
        await office.until_it_is_read()

    assert {type(answer) for answer in answers} == {StepFinished}
    pieces = office.read()
    assert {piece.journal_id for piece in pieces} == {read.journal_id}
    assert '"lines"' in "".join(piece.text for piece in pieces)
