"""Orders, answers and endings on a real PostgreSQL (R2.2c, R3.1a, R3.2d, R5.2d)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, table

from chassis.database import Database, Pool, open_pool
from chassis.errors import NotFound, ServiceError
from chassis.identity import Caller
from chassis.ids import new_id
from journal_contracts.api import Answer, JournalOrder, PauseOrder, ResearchView
from journal_contracts.commands import RegisterAssets, RunPhase
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName
from orchestrator_service.course import Course
from orchestrator_service.decisions import Decisions
from orchestrator_service.engine import timers
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.transitions import StoreAway, Transitions, batch_journals
from orchestrator_service.orders import Desk
from orchestrator_service.past import Past
from orchestrator_service.settings import Settings
from orchestrator_service.usual import Times

from .crew import finished

ORDER = JournalOrder(theme="anxiety", plan=PlanName.EXPRESS)
COMMANDS = {kind.name: kind for kind in (RunPhase, RegisterAssets)}


def caller(user: UUID, *scopes: str) -> Caller:
    """Somebody with a good token."""
    return Caller(user, new_id(), 2**31, frozenset(scopes))


@dataclass
class House:
    """The orchestrator without a broker: what it would say stays in the outbox."""

    desk: Desk
    engine: Engine
    database: Database
    pool: Pool

    @property
    def course(self) -> Course:
        return Course(self.transitions)

    @property
    def decisions(self) -> Decisions:
        return Decisions(self.transitions)

    @property
    def past(self) -> Past:
        return Past(self.database)

    @property
    def transitions(self) -> Transitions:
        return self.engine.transitions

    async def said(self, name: str) -> list[bytes]:
        query = "select body from outbox where name = $1 order by id"
        return [row["body"] for row in await self.pool.fetch(query, name)]

    async def work(self, journal_id: UUID) -> None:
        """Answer every command of a journal until none is left."""
        while steps := await self.commands(journal_id):
            for step in steps:
                await self.transitions.happen(journal_id, finished(step), actor="test")

    async def commands(self, journal_id: UUID) -> list[RunPhase | RegisterAssets]:
        """Those that no answer has closed yet."""
        query = "select name, body from outbox where journal_id = $1 and phase is not null"
        rows = await self.pool.fetch(f"{query} order by id", journal_id)
        return [COMMANDS[row["name"]].model_validate_json(row["body"]) for row in rows]


@contextlib.asynccontextmanager
async def a_house(database: Database, url: str, **settings: float) -> AsyncIterator[House]:
    told = Settings(
        port=1,
        amqp_url="amqp://nowhere",
        auth_url="http://nowhere",
        database_url=SecretStr(url),
        service_key=SecretStr("unused"),
        **settings,
    )
    async with (
        open_pool(url) as pool,
        Engine.open(url, told.amqp_url, told.user_limit) as engine,
    ):
        yield House(Desk(database, engine, told, Times(database).of), engine, database, pool)


@pytest.fixture
async def house(database: Database, database_url: str) -> AsyncIterator[House]:
    async with a_house(database, database_url) as house:
        yield house


async def test_an_order_is_a_journal_with_its_first_command_waiting(house: House) -> None:
    journal = await house.desk.order(new_id(), ORDER, None)

    assert journal.status == "running"
    assert len(await house.said("journal.phase.run.v1")) == 1
    assert len(await house.said("journal.craft.started.v1")) == 1


async def test_the_same_order_with_the_same_key_is_one_journal(house: House) -> None:
    user = new_id()

    journals = await asyncio.gather(*(house.desk.order(user, ORDER, "key-1") for _ in range(8)))

    assert len({journal.id for journal in journals}) == 1
    assert len(await house.said("journal.craft.started.v1")) == 1


async def test_a_key_gives_the_first_answer_again_however_far_its_journal_has_come(
    house: House,
) -> None:
    user = new_id()
    first = await house.desk.order(user, ORDER, "key-1")
    await house.work(first.id)

    again = await house.desk.order(user, ORDER, "key-1")

    assert (await house.desk.state(user, first.id)).n > first.n
    assert again == first


async def test_a_key_is_known_where_there_is_no_room_for_another_journal(
    database: Database, database_url: str
) -> None:
    user = new_id()
    async with a_house(database, database_url, most_waiting=1) as house:
        first = await house.desk.order(user, ORDER, "key-1")
        house.engine.release.view.waiting["writing"] = 1

        with pytest.raises(ServiceError) as refused:
            await house.desk.order(user, ORDER, "key-2")
        again = await house.desk.order(user, ORDER, "key-1")

    assert (refused.value.status, refused.value.code) == (429, "house_full")
    assert again == first


async def test_keys_are_let_go_of_a_day_later(house: House) -> None:
    user = new_id()
    for key in ("old", "new"):
        await house.desk.order(user, ORDER, key)
    late = "update idempotent_order set created_at = now() - interval '26 hours' where key = 'old'"
    await house.pool.execute(late)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(house.desk.forget_keys(), timeout=0.3)

    left = await house.pool.fetch("select key from idempotent_order")
    assert [row["key"] for row in left] == ["new"]


async def test_a_key_cannot_be_used_for_another_order(house: House) -> None:
    user = new_id()
    await house.desk.order(user, ORDER, "key-1")

    with pytest.raises(ServiceError) as refused:
        await house.desk.order(user, JournalOrder(theme="gratitude"), "key-1")

    assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    "words",
    [
        {"theme": "how to kill myself"},
        {"audience": "girls who want to starve themselves thin: pro-ana"},
        {"decisions": {"title": {"option": "own", "text": "How to Kill Yourself"}}},
    ],
    ids=["theme", "audience", "title"],
)
async def test_what_no_book_is_made_of_is_refused_before_there_is_a_journal(
    words: dict[str, Any], house: House
) -> None:
    """R7.2c: with the crew's own kind sentence, and where help is."""
    user = new_id()
    order = JournalOrder.model_validate({**ORDER.model_dump(), **words})

    with pytest.raises(ServiceError) as refused:
        await house.desk.order(user, order, "key-1")

    assert (refused.value.status, refused.value.code) == (422, "theme_refused")
    assert refused.value.detail.startswith("We ")
    assert "988" in refused.value.detail
    assert (await house.desk.page(user, 10, None)).items == ()
    assert await house.said("journal.craft.started.v1") == []
    hard = await house.desk.order(user, JournalOrder(theme="grief after a suicide"), "key-1")
    assert hard.status == "running"


async def test_a_title_that_no_book_has_is_refused_and_the_question_stays_open(
    house: House,
) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    await house.work(journal.id)
    harmful = Answer(choice=Choice(option="own", text="How to Kill Yourself"))

    with pytest.raises(ServiceError) as refused:
        await house.decisions.answer(user, journal.id, "title", harmful)

    assert (refused.value.status, refused.value.code) == (422, "theme_refused")
    view = await house.desk.state(user, journal.id)
    assert [asked.id for asked in view.open_decisions] == ["title"]


async def test_documents_reach_research_and_whoever_keeps_them(house: House) -> None:
    """R1.2d, R6.1a: named in the order, told at the beginning, and what came of them is shown."""
    user = new_id()
    order = JournalOrder(theme="sleep", unattended=True, documents=("a.pdf", "b.md", "a.pdf"))
    journal = await house.desk.order(user, order, None)

    while (await house.desk.state(user, journal.id)).status == "running":
        for step in await house.commands(journal.id):
            found = {"from": {"": 10, "a.pdf": 5}, "skipped": {"b.md": "holds no text"}}
            facts = found if step.phase == "research" else {}
            if step.phase == "research":
                assert isinstance(step, RunPhase)
                assert step.order == {"count": 15, "documents": ["a.pdf", "b.md"]}
            reply = finished(step, **facts)
            await house.transitions.happen(journal.id, reply, actor="test")

    [began] = await house.said("journal.craft.started.v1")
    assert json.loads(began)["documents"] == ["a.pdf", "b.md"]
    view = await house.desk.state(user, journal.id)
    assert view.research == ResearchView(
        insights=15, own=10, documents={"a.pdf": 5}, left_out={"b.md": "holds no text"}
    )


async def test_a_plan_without_research_takes_no_documents(house: House) -> None:
    order = ORDER.model_copy(update={"documents": ("a.pdf",)})

    with pytest.raises(ServiceError) as refused:
        await house.desk.order(new_id(), order, None)

    assert (refused.value.status, refused.value.code) == (422, "documents_not_in_plan")


async def test_a_draft_is_named_to_its_owner_once_the_books_are_written(house: House) -> None:
    """R2.2b"""
    user = new_id()
    order = ORDER.model_copy(update={"plan": PlanName.COMPREHENSIVE, "unattended": True})
    journal = await house.desk.order(user, order, None)
    with pytest.raises(ServiceError) as early:
        await house.desk.draft(user, journal.id)

    await house.work(journal.id)
    parts = await house.desk.draft(user, journal.id)

    assert (early.value.status, early.value.code) == (404, "draft_not_ready")
    assert parts.proof.endswith("/proof/whole.1.json")
    assert len(parts.edited) == 10
    with pytest.raises(NotFound):
        await house.desk.draft(new_id(), journal.id)


async def test_a_foreign_journal_looks_like_none(house: House) -> None:
    journal = await house.desk.order(new_id(), ORDER, None)
    stranger = new_id()

    for attempt in (
        house.desk.state(stranger, journal.id),
        house.course.cancel(caller(stranger), journal.id),
        house.desk.delete(stranger, journal.id),
        house.past.page(stranger, journal.id, 10, 0),
        house.past.at(stranger, journal.id, 1),
        house.past.picture(stranger, journal.id),
        house.decisions.answer(stranger, journal.id, "title", Answer(choice=Choice(option="t1"))),
    ):
        with pytest.raises(NotFound):
            await attempt

    assert (await house.desk.page(stranger, 20, None)).items == ()


async def test_of_many_answers_at_once_exactly_one_is_taken(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    await house.work(journal.id)

    async def answer(option: str) -> str:
        try:
            wanted = Answer(rev=1, choice=Choice(option=option))
            return (await house.decisions.answer(user, journal.id, "title", wanted)).result
        except ServiceError as refused:
            return refused.code

    told = await asyncio.gather(*(answer(f"t{n}") for n in range(1, 11)))

    assert sorted(told) == ["accepted", *["decision_conflict"] * 9]
    winner = told.index("accepted") + 1
    assert await answer(f"t{winner}") == "already"


async def test_an_answer_is_told_what_became_of_it(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    await house.work(journal.id)

    async def told(question: str, option: str, rev: int = 1) -> tuple[int, str]:
        try:
            wanted = Answer(rev=rev, choice=Choice(option=option))
            result = await house.decisions.answer(user, journal.id, question, wanted)
        except ServiceError as refused:
            return refused.status, refused.code
        return 200, result.result

    assert await told("title", "t99") == (422, "choice_does_not_fit")
    assert await told("title", "t1", rev=2) == (404, "decision_unknown")
    assert await told("colour", "t1") == (404, "decision_unknown")
    assert await told("title", "t1") == (200, "accepted")
    assert await told("title", "t1") == (200, "already")
    assert await told("title", "t2") == (409, "decision_conflict")


async def test_a_wish_that_rests_on_an_older_state_is_refused(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    seen = (await house.desk.state(user, journal.id)).n
    await house.work(journal.id)

    for wish in (
        house.course.cancel(caller(user), journal.id, seen),
        house.course.pause(caller(user), journal.id, PauseOrder(), seen),
        house.course.cancel(caller(new_id(), "operator"), journal.id, seen),
    ):
        with pytest.raises(ServiceError) as refused:
            await wish
        assert (refused.value.status, refused.value.code) == (412, "journal_has_changed")
    seen = (await house.desk.state(user, journal.id)).n
    assert (await house.course.cancel(caller(user), journal.id, seen)).status == "cancelled"


async def test_an_answer_after_the_end_is_expired(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    await house.work(journal.id)
    await house.course.cancel(caller(user), journal.id)

    with pytest.raises(ServiceError) as refused:
        await house.decisions.answer(user, journal.id, "title", Answer(choice=Choice(option="t1")))

    assert (refused.value.status, refused.value.code) == (410, "decision_expired")


async def test_the_clock_of_the_database_takes_the_default(
    database: Database, database_url: str
) -> None:
    user = new_id()
    async with a_house(database, database_url, decision_seconds=0.05) as house:
        journal = await house.desk.order(user, ORDER, None)
        await house.work(journal.id)

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(timers.watch(house.engine.store, house.transitions), timeout=2)

        state = await house.desk.state(user, journal.id)
    made = {decision.id: decision for decision in state.decisions}
    assert (made["title"].choice.option, made["title"].chosen_by) == ("t1", "default")


async def test_a_journal_is_worked_to_its_end_and_its_history_is_whole(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    await house.work(journal.id)
    await house.decisions.answer(user, journal.id, "title", Answer(choice=Choice(option="t2")))
    await house.work(journal.id)

    state = await house.desk.state(user, journal.id)
    history = (await house.past.page(user, journal.id, 500, 0)).items

    assert (state.status, state.percent, state.title) == ("completed", 100, "Title 2")
    assert [entry.n for entry in history] == list(range(1, state.n + 1))
    assert history[-1].type == "journal.craft.completed.v1"


async def test_answers_of_many_parts_at_once_all_count(house: House, database_url: str) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    await house.work(journal.id)
    await house.decisions.answer(user, journal.id, "title", Answer(choice=Choice(option="t1")))
    [outline] = await house.commands(journal.id)
    await house.transitions.happen(journal.id, finished(outline), actor="test")
    parts = await house.commands(journal.id)

    async with a_house(house.database, database_url) as other:
        await asyncio.gather(
            *(
                (house if n % 2 else other).transitions.happen(journal.id, finished(part), "test")
                for n, part in enumerate(parts)
            )
        )

    state = await house.desk.state(user, journal.id)
    curation = next(phase for phase in state.phases if phase.name == "curation")
    assert (curation.status, curation.done) == ("done", len(parts))


async def test_a_deleted_journal_is_gone_and_the_world_is_told(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, "key-1")

    await house.desk.delete(user, journal.id)

    with pytest.raises(NotFound):
        await house.desk.state(user, journal.id)
    assert len(await house.said("journal.craft.deleted.v1")) == 1
    async with house.database.transaction() as session:
        for name in ("journal", "history", "decision"):
            count = await session.scalar(select(func.count()).select_from(table(name)))
            assert count == 0, name


@pytest.mark.parametrize("theme", ["calm", "gratitude"])
async def test_the_key_of_a_deleted_journal_orders_nothing(house: House, theme: str) -> None:
    """R4.1a: neither the journal again, nor another: whoever repeats is told what became of it."""
    user, key = new_id(), "key-1"
    journal = await house.desk.order(user, ORDER, key)
    await house.desk.delete(user, journal.id)

    with pytest.raises(ServiceError) as refused:
        await house.desk.order(user, JournalOrder(theme=theme), key)
    another = await house.desk.order(user, ORDER, "key-2")

    assert (refused.value.status, refused.value.code) == (410, "journal_deleted")
    assert another.id != journal.id
    digests = await house.pool.fetch("select body_sha256 from idempotent_order where key = 'key-1'")
    assert [row["body_sha256"] for row in digests] == [""]


async def test_a_list_has_pages(house: House) -> None:
    user = new_id()
    ids = [(await house.desk.order(user, ORDER, None)).id for _ in range(5)]

    first = await house.desk.page(user, 2, None)
    second = await house.desk.page(user, 3, first.next)

    assert [card.id for card in (*first.items, *second.items)] == ids[::-1]
    assert second.next is None


async def test_a_journal_whose_row_is_locked_holds_up_nobody_else(house: House) -> None:
    """R3.1c, R3.2c: what waits for its batch goes together, and does not wait for ever."""
    user = new_id()
    stuck, *free = [await house.desk.order(user, ORDER, None) for _ in range(40)]
    async with house.pool.acquire() as connection, connection.transaction():
        await connection.execute("select from journal where id = $1 for update", stuck.id)
        held = asyncio.create_task(house.course.cancel(caller(user), stuck.id))
        while not await connection.fetchval(SOMEBODY_WAITS):
            await asyncio.sleep(0)
        before = _batches()

        ended = await asyncio.gather(*(house.course.cancel(caller(user), view.id) for view in free))

        assert {view.status for view in ended} == {"cancelled"}
        assert not held.done()
        assert _batches() - before == 1
    with contextlib.suppress(StoreAway):
        await held


SOMEBODY_WAITS = """
select count(*) from pg_locks l join pg_stat_activity a using (pid)
 where not granted and a.datname = current_database()
"""


def _batches() -> float:
    """How many batches there were in this process."""
    [family] = batch_journals.collect()
    return next(sample.value for sample in family.samples if sample.name.endswith("_count"))
