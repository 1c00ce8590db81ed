"""Where letters go: to a mail server, or into a folder where there is none."""

import asyncio
import os
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

log: Final = structlog.get_logger()

SECONDS: Final = 10.0
PERMANENT: Final = 500


class Undelivered(Exception):
    """Not now; it may go another time. Says which error or code, nothing of the letter."""


class Refused(Exception):
    """Not now and never: says the server's code."""


class Post(Protocol):
    """Takes one letter to one address."""

    async def deliver(self, letter: EmailMessage, to: str) -> None:
        """Raises `Undelivered` and `Refused`."""


class Smtp:
    """A server at `smtps://` (TLS), `smtp://` (STARTTLS, or nothing is sent) or `smtp+plain://`.

    With `user:password@` it is told who sends; over `smtp+plain` never.
    """

    def __init__(self, url: str) -> None:
        asked = urlsplit(url)
        if asked.scheme not in ("smtps", "smtp", "smtp+plain") or not asked.hostname:
            raise ValueError("A mail server is smtps://, smtp:// or smtp+plain://host[:port].")
        tls, plain = asked.scheme == "smtps", asked.scheme == "smtp+plain"
        known = None if plain or not asked.username else unquote(asked.username)
        self._server: dict[str, Any] = {
            "hostname": asked.hostname,
            "port": asked.port or (465 if tls else 25 if plain else 587),
            "username": known,
            "password": unquote(asked.password or "") if known else None,
            "use_tls": tls,
            "start_tls": not (tls or plain),
            "timeout": SECONDS,
        }

    async def deliver(self, letter: EmailMessage, to: str) -> None:
        try:
            await aiosmtplib.send(letter, recipients=[to], **self._server)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _judged(error.recipients[0].code) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error.code) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Undelivered(type(error).__name__) from error


class Folder:
    """A file per letter, for its owner's eyes; the log says where it lies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, letter: EmailMessage, to: str) -> None:
        name = letter["Message-ID"].strip("<>").partition("@")[0]
        file = self._folder / f"{name}.eml"
        try:
            await asyncio.to_thread(_write, file, letter.as_bytes())
        except OSError as error:
            raise Undelivered(type(error).__name__) from error
        log.info("mail_kept", file=str(file))


def post_of(url: str | None, folder: Path) -> Post:
    """The server at that URL; without one, the folder."""
    return Smtp(url) if url else Folder(folder)


def _judged(code: int) -> Exception:
    kind = Refused if code >= PERMANENT else Undelivered
    return kind(f"code {code}")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_suffix(".draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
    draft.replace(file)
