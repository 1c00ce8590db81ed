"""A letter leaves with the commit that caused it, whatever happens on the way (R5.1c, R7.2d)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from sqlalchemy import text
from structlog.testing import capture_logs

from chassis import mail
from chassis.database import Database
from chassis.ids import now
from chassis.mail import Mail, MailRow, Mails
from chassis.posting import Folder, Refused, Smtp, Undelivered, post_of
from chassis.seals import Seal

LETTER = Mail("ada@example.com", "Your key", "the secret is canary-7f3a")
SEAL = Seal(b"a secret", "letters")


class Post:
    """A mail server's answers, one after the other; the last one stays."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.took: list[EmailMessage] = []

    async def deliver(self, letter: EmailMessage, to: str) -> None:
        self.took.append(letter)
        answer = self.answers.pop(0) if self.answers else None
        if answer:
            raise answer


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(MailRow.__table__.create)
        yield database


async def put(mails: Mails, database: Database, letter: Mail | None, minutes: int = 30) -> None:
    async with database.transaction() as session:
        mails.put(session, letter, until=now() + timedelta(minutes=minutes))
    mails.wake()


async def comes_true(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await fact():
            await asyncio.sleep(0.02)


async def left(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(text("select count(*) from mail")) or 0)


async def settle(mails: Mails, database: Database) -> None:
    async def nothing_waits() -> bool:
        return await left(database) == 0

    async with mails.posting():
        await comes_true(nothing_waits)


async def test_a_letter_that_was_rolled_back_is_never_sent(database: Database) -> None:
    post = Post()
    mails = Mails(database, SEAL, post, "us@example.com")
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as session:
            mails.put(session, LETTER, until=now() + timedelta(minutes=1))
            raise ZeroDivisionError
    await put(mails, database, Mail("eve@example.com", "Another", "letter"))

    await settle(mails, database)

    assert [letter["To"] for letter in post.took] == ["eve@example.com"]


async def test_at_rest_it_is_sealed(database: Database) -> None:
    await put(Mails(database, SEAL, Post(), "us@example.com"), database, LETTER)

    async with database.transaction() as session:
        [row] = (await session.execute(text("select * from mail"))).all()

    assert "canary" not in str(row)
    assert "ada" not in str(row)
    assert b"canary" in SEAL.open(row.sealed)


async def test_it_is_tried_again_under_the_same_name(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "FIRST_PAUSE", timedelta(milliseconds=1))
    monkeypatch.setattr(mail, "SWEEP_SECONDS", 0.01)
    post = Post(Undelivered("OSError"), Undelivered("code 451"))
    mails = Mails(database, SEAL, post, "Us <us@example.com>")

    await put(mails, database, LETTER)
    await settle(mails, database)

    assert len(post.took) == 3
    assert len({letter["Message-ID"] for letter in post.took}) == 1
    assert post.took[0]["Message-ID"].endswith("@example.com>")


async def test_what_is_hopeless_or_late_or_for_nobody_is_let_go(database: Database) -> None:
    post = Post(Refused("code 550"))
    mails = Mails(database, SEAL, post, "us@example.com")
    await put(mails, database, LETTER)
    await put(mails, database, LETTER, minutes=-1)
    await put(mails, database, None)
    await put(mails, database, Mail("a@b.c\r\nBcc: eve@example.com", "Hello", "there"))
    await put(Mails(database, Seal(b"other", "x"), post, "us@example.com"), database, LETTER)

    await settle(mails, database)

    assert len(post.took) == 1


async def test_without_a_server_it_is_a_file_and_the_log_says_where(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "letters"
    mails = Mails(database, SEAL, post_of(None, folder), "us@example.com")

    with capture_logs() as told:
        await put(mails, database, LETTER)
        await settle(mails, database)

    [file] = folder.iterdir()
    assert "canary-7f3a" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert {"event": "mail_kept", "file": str(file), "log_level": "info"} in told
    assert "canary" not in str(told)


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    letter = EmailMessage()
    letter["Message-ID"] = "<1@here>"

    with pytest.raises(Undelivered):
        await Folder(tmp_path / "file").deliver(letter, "ada@example.com")


def kept_in(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir()]


class Server:
    """What a real server heard; it refuses who is called `nobody`, and is tired of `busy`."""

    def __init__(self) -> None:
        self.heard: list[tuple[list[str], bytes]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, _: Any) -> str:
        if to.startswith("nobody"):
            return "550 no such user"
        if to.startswith("busy"):
            return "451 later"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.heard.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    heard = Server()
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(heard, enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    async with listening:
        yield heard, f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def test_a_server_is_given_it_and_its_refusals_are_told_apart(
    server: tuple[Server, str],
) -> None:
    heard, where = server
    post = Smtp(f"smtp+plain://{where}")
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "us@example.com", "ada@example.com", "Grüße"
    letter.set_content("canary")

    await post.deliver(letter, "ada@example.com")
    with pytest.raises(Refused, match="code 550"):
        await post.deliver(letter, "nobody@example.com")
    with pytest.raises(Undelivered, match="code 451"):
        await post.deliver(letter, "busy@example.com")
    with pytest.raises(Undelivered):
        await Smtp("smtp+plain://127.0.0.1:1").deliver(letter, "ada@example.com")

    [(to, content)] = heard.heard
    assert to == ["ada@example.com"]
    assert b"canary" in content


async def test_nothing_is_said_to_a_server_that_cannot_keep_it_secret(
    server: tuple[Server, str],
) -> None:
    """No STARTTLS there: the password and the letter stay here."""
    heard, where = server
    letter = EmailMessage()
    letter["From"], letter["To"] = "us@example.com", "ada@example.com"

    with pytest.raises(Undelivered):
        await Smtp(f"smtp://user:word@{where}").deliver(letter, "ada@example.com")

    assert heard.heard == []


async def test_where_no_more_is_wanted_is_said_in_one_line(
    database: Database, server: tuple[Server, str], tmp_path: Path
) -> None:
    """RFC 8058; a link that is folded is none."""
    heard, where = server
    stop = f"https://example.com/stop?token={'A' * 120}"

    for post in (Smtp(f"smtp+plain://{where}"), Folder(tmp_path)):
        mails = Mails(database, SEAL, post, "us@example.com")
        await put(mails, database, replace(LETTER, stop=stop))
        await settle(mails, database)

    [kept] = kept_in(tmp_path)
    for content in (heard.heard[0][1], kept):
        lines = content.decode().splitlines()
        assert f"List-Unsubscribe: <{stop}>" in lines
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines


@pytest.mark.parametrize("url", ["http://here", "smtp://", "mail.example.com"])
def test_another_url_names_no_mail_server(url: str) -> None:
    with pytest.raises(ValueError, match="mail server"):
        Smtp(url)
