"""Who has gone is written to: a question waits, the books are done. Once, and to who wants it
(R2.2b, R2.2d, R9.1c)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event as sql

from auth_service import notices as writing
from auth_service.grants import Orchestrator
from auth_service.notices import Notices
from chassis.broker import connect, open_broker
from chassis.broker.saying import say
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.decisions import Choice, DecisionView
from journal_contracts.events import CraftCompleted, DecisionClosed, DecisionRequested
from journal_contracts.message import PublicEvent

from .test_accounts import bearer
from .test_calls import served
from .test_mail import ADA, Letterbox, letterbox, post

__all__ = ["letterbox"]
AT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BEN = {"email": "ben@example.com", "password": "correct horse battery"}


def asked(user: UUID, journal: UUID, rev: int = 1) -> DecisionRequested:
    view = DecisionView(
        id="title", rev=rev, question="Which\ntitle?", options=(), default="t1", deadline=AT
    )
    told = _told(user, journal, 4 * rev)
    return DecisionRequested(**told, decision=view)


def closed(user: UUID, journal: UUID, rev: int = 1) -> DecisionClosed:
    told = _told(user, journal, 4 * rev + 1)
    choice = Choice(option="t1")
    return DecisionClosed(**told, decision_id="title", rev=rev, choice=choice, chosen_by="user")


def done(user: UUID, journal: UUID, *also: UUID) -> CraftCompleted:
    return CraftCompleted(**_told(user, journal, 90), also=also, title="Quiet\r\nMornings")


def _told(user: UUID, journal: UUID, n: int) -> dict[str, Any]:
    return {"journal_id": journal, "user_id": user, "n": n, "at": AT, "percent": 50}


@dataclass
class Desk:
    """The service's own desk, with an orchestrator that says what the test wants."""

    door: Any
    letterbox: Letterbox
    goes_on: bool | None = True
    letters: int = 0

    def notices(self, patience: timedelta = timedelta(0)) -> Notices:
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(self._owner), base_url="http://orchestrator.test"
        )
        orchestrator = Orchestrator(client, lambda: "token")
        return Notices(replace(self.door.app.state.desk, orchestrator=orchestrator), patience)

    def _owner(self, request: httpx.Request) -> httpx.Response:
        if self.goes_on is None:
            return httpx.Response(503)
        return httpx.Response(200, json={"user_id": str(self.user), "open": self.goes_on})

    async def reader(self, who: dict[str, str] = ADA, *, verified: bool = True) -> UUID:
        """Somebody with an account."""
        access = await self.door.sign_up_and_in(who["email"])
        self.letters += 1
        token = await self.letterbox.token(self.letters)
        if verified:
            assert (
                await post(self.door, "verify", token=token, password=who["password"])
            ).is_success
        self.headers = bearer(access)
        me = (await self.door.client.get("/v1/auth/me", headers=self.headers)).json()
        self.user = UUID(me["id"])
        return self.user

    async def wishes(self, **wishes: bool) -> Any:
        return await self.door.client.put("/v1/auth/notices", json=wishes, headers=self.headers)

    async def news(self, count: int) -> list[Any]:
        """The letters beside those that verify, once there are so many, and nothing waits."""
        found = (await self.letterbox.letters(self.letters + count))[-count or None :]
        return found if count else []


@pytest.fixture(autouse=True)
def pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service itself looks once, as it begins; then only who is told to."""
    monkeypatch.setattr(writing, "LOOK_SECONDS", 3_600.0)


@pytest.fixture
def desk(pause: None, door: Any, letterbox: Letterbox) -> Desk:
    return Desk(door, letterbox)


async def test_of_a_question_that_has_waited_is_written_once(desk: Desk) -> None:
    """However often it is said, and however many replicas look."""
    user, journal = await desk.reader(), new_id()
    ours, theirs = desk.notices(), desk.notices()

    await asyncio.gather(*(each.question_asked(asked(user, journal)) for each in (ours, theirs)))
    await asyncio.gather(*(each.write_due() for each in (ours, theirs, ours)))
    await ours.question_asked(asked(user, journal))
    assert await ours.write_due() == 0

    [letter] = await desk.news(1)
    said = letter.get_content()
    assert (letter["To"], letter["Subject"]) == (ADA["email"], "Your journal waits for you")
    assert f"https://journal.test/journal#{journal}" in said
    assert "    Which title?\n" in said
    assert letter["List-Unsubscribe"].strip("<>") in said


async def test_it_waits_by_the_clock_of_the_database(desk: Desk, database_url: str) -> None:
    user, journal = await desk.reader(), new_id()
    patient = desk.notices(DAY)
    await patient.question_asked(asked(user, journal))
    early = await patient.write_due()

    connection = await asyncpg.connect(database_url)
    await connection.execute("update notice set due_at = due_at - interval '25 hours'")
    await connection.close()

    assert (early, await patient.write_due()) == (0, 1)
    await desk.news(1)


@pytest.mark.parametrize("order", [(asked, closed), (closed, asked)])
async def test_who_has_answered_is_not_written_to(
    desk: Desk, order: tuple[Callable[..., PublicEvent], ...]
) -> None:
    """Not even where the end of a question is heard before its beginning; the next one waits."""
    user, journal = await desk.reader(), new_id()
    notices = desk.notices()

    for event in (make(user, journal) for make in order):
        hear = notices.question_asked if event.name == DecisionRequested.name else None
        await (hear or notices.question_closed)(event)  # type: ignore[arg-type] # as it is named
    assert await notices.write_due() == 0
    await notices.question_asked(asked(user, journal, rev=2))
    assert await notices.write_due() == 1

    await desk.news(1)


async def test_a_journal_that_is_over_waits_for_nobody(desk: Desk, database_url: str) -> None:
    """Where nobody can say so, it is asked again."""
    user, journal = await desk.reader(), new_id()
    notices = desk.notices()
    await notices.question_asked(asked(user, journal))
    desk.goes_on = None
    assert (await notices.write_due(), await notices.write_due()) == (1, 0)

    connection = await asyncpg.connect(database_url)
    await connection.execute("update notice set due_at = clock_timestamp()")
    desk.goes_on = False
    await notices.write_due()
    left = await connection.fetch("select question, due_at from notice")
    await connection.close()

    assert [tuple(row) for row in left] == [("", None)]
    assert await desk.news(0) == []


async def test_of_done_books_is_written_to_everybody_who_has_the_journal(desk: Desk) -> None:
    """Once; not to strangers, nor to whom an address may not belong."""
    member, eve = (
        await desk.reader(BEN),
        await desk.reader({**BEN, "email": "eve@example.com"}, verified=False),
    )
    user, journal = await desk.reader(), new_id()
    notices = desk.notices()

    for _ in range(2):
        await notices.books_done(done(user, journal, member, eve, new_id()))

    letters = await desk.news(2)
    assert {letter["To"] for letter in letters} == {ADA["email"], BEN["email"]}
    assert {letter["Subject"] for letter in letters} == {"Your books are done"}
    assert "    Quiet  Mornings\n" in letters[0].get_content()


async def test_nobody_is_written_to_who_does_not_want_it(desk: Desk) -> None:
    user = await desk.reader()
    notices = desk.notices()
    first = (await desk.door.client.get("/v1/auth/notices", headers=desk.headers)).json()

    await desk.wishes(questions=False, books=True)
    await notices.question_asked(asked(user, new_id()))
    await notices.write_due()
    await notices.books_done(done(user, new_id()))
    await desk.wishes(questions=True, books=False)
    await notices.books_done(done(user, new_id()))
    await notices.question_asked(asked(user, new_id()))
    await notices.write_due()

    assert first == {"questions": True, "books": True}
    subjects = [letter["Subject"] for letter in await desk.news(2)]
    assert subjects == ["Your books are done", "Your journal waits for you"]


async def test_one_click_stops_it_for_whom_the_letter_went_to(desk: Desk) -> None:
    """RFC 8058: the link needs nobody to be signed in, and another one does nothing."""
    user = await desk.reader()
    notices = desk.notices()
    await notices.books_done(done(user, new_id()))
    [letter] = await desk.news(1)
    token = letter["List-Unsubscribe"].strip("<>").partition("?token=")[2]

    wrong = await post(desk.door, "notices/stop", token=token[:-9] + "AAAAAAAA=")
    right = [await post(desk.door, "notices/stop", token=token) for _ in range(2)]
    await notices.books_done(done(user, new_id()))

    assert (wrong.status_code, wrong.json()["code"]) == (410, "link_void")
    assert [answer.status_code for answer in right] == [204, 204]
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    now = (await desk.door.client.get("/v1/auth/notices", headers=desk.headers)).json()
    assert now == {"questions": False, "books": False}
    await desk.news(1)


async def test_what_was_settled_long_ago_is_forgotten(desk: Desk, database_url: str) -> None:
    """What waits is not."""
    user, old, waiting = await desk.reader(), new_id(), new_id()
    notices = desk.notices(DAY)
    await notices.question_asked(asked(user, waiting))
    await notices.question_closed(closed(user, old))
    connection = await asyncpg.connect(database_url)
    await connection.execute("update notice set noted_at = noted_at - interval '31 days'")
    await notices.question_closed(closed(user, old, rev=2))

    async with desk.door.app.state.desk.database.transaction() as session:
        await writing.forget(session)

    left = await connection.fetch("select journal_id, rev from notice order by rev")
    await connection.close()
    assert [tuple(row) for row in left] == [(waiting, 1), (old, 2)]


async def test_a_crash_at_any_statement_writes_once(desk: Desk) -> None:
    """Each statement, and each commit, is the last one once; then all is done again."""
    user = await desk.reader()
    engine = desk.door.app.state.desk.database.engine.sync_engine
    notices = desk.notices()
    crashes = 0

    async def all_of_it(journal: UUID) -> None:
        await notices.question_asked(asked(user, journal))
        await notices.write_due()
        await notices.books_done(done(user, journal))

    while True:
        fuse = Fuse(crashes)
        sql.listen(engine, "before_cursor_execute", fuse.burn)
        sql.listen(engine, "commit", fuse.burn)
        journal = new_id()
        try:
            await asyncio.create_task(all_of_it(journal), name="fused")
        except ZeroDivisionError:
            crashes += 1
        else:
            break
        finally:
            sql.remove(engine, "before_cursor_execute", fuse.burn)
            sql.remove(engine, "commit", fuse.burn)
            await all_of_it(journal)

    assert crashes >= 12
    assert len(await desk.news(2 * (crashes + 1))) == 2 * (crashes + 1)


class Fuse:
    """Ends one task at its n-th statement or commit; others work on."""

    def __init__(self, length: int) -> None:
        self._left = length

    def burn(self, *_: Any) -> None:
        task = asyncio.current_task()
        if task is None or task.get_name() != "fused":
            return
        self._left -= 1
        if self._left < 0:
            raise ZeroDivisionError


class TestOnABroker:
    """As it is: events come by RabbitMQ, and the orchestrator answers over HTTP."""

    @pytest.fixture
    def broker_url(self, amqp_url: str) -> str:
        return amqp_url

    @pytest.fixture
    async def orchestrator_url(self, pause: None, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(writing, "LOOK_SECONDS", 0.05)
        app = FastAPI()
        self.user = UUID(int=0)

        @app.get("/v1/owners/{journal_id}")
        async def owner(journal_id: UUID) -> dict[str, Any]:
            return {"user_id": str(self.user), "open": True}

        async with served(app) as url:
            yield url

    async def test_what_is_said_twice_is_written_once(self, desk: Desk, amqp_url: str) -> None:
        self.user, journal = await desk.reader(), new_id()
        told: list[PublicEvent] = [asked(self.user, journal), done(self.user, journal)]
        speaker = connect(ORCHESTRATOR, amqp_url)

        async with open_broker(speaker):
            for event in (*told, *told, done(self.user, new_id())):
                await say(speaker, event, subject=str(journal))
            letters = await desk.news(3)

        subjects = sorted(letter["Subject"] for letter in letters)
        assert subjects == [*["Your books are done"] * 2, "Your journal waits for you"]
