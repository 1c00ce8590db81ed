"""Two users, two keys, two providers: no call with the wrong key, and no key anywhere (R4.2a)."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiormq
import httpx
import pytest
from llmock.scenarios import Fail
from llmock.testing import LLMockServer

from chassis.database import Pool
from chassis.ids import new_id
from journal_contracts.events import UsageRecorded

from .conftest import Workers

ADA, BEN = str(UUID(int=0xADA)), str(UUID(int=0xBE))
KEYS = {ADA: "sk-canary-of-ada-0123456789", BEN: "sk-canary-of-ben-0123456789"}
HOUSE_KEY = "sk-canary-of-the-house-0123456789"
JOURNALS, PARTS = 10, 3


class Listening:
    """Lets every request pass, and remembers with which key it came, and for what."""

    def __init__(self, app: Any, heard: dict[str, int]) -> None:
        self._app, self._heard = app, heard

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope.get("headers", ()):
            if name == b"authorization":
                self._heard[value.decode().removeprefix("Bearer ")] += 1
        await self._app(scope, receive, send)


@pytest.fixture
def providers() -> Iterator[list[tuple[LLMockServer, dict[str, int]]]]:
    """Two providers with what each of them heard."""
    made = []
    for _ in range(2):
        server, heard = LLMockServer(), defaultdict[str, int](int)
        server.app.add_middleware(Listening, heard=heard)
        made.append((server.start(), heard))
        httpx.get(f"{server.url}/health").raise_for_status()  # one builds its routes at a time
    yield made
    for server, _ in made:
        server.stop()


@pytest.fixture
def folder(tmp_path: Path, providers: list[tuple[LLMockServer, dict[str, int]]]) -> Path:
    """Where the table lies, with the house's key."""
    rows = "".join(
        f'[providers.{name}]\nbase_url = "{server.base_url("openai")}"\nkey = "{HOUSE_KEY}"\n'
        for name, (server, _) in zip(("first", "second"), providers, strict=True)
    )
    (tmp_path / "models.toml").write_text(
        f'{rows}[chains]\ndefault = ["first/gpt-4o-mini", "second/gpt-4o-mini"]\n'
    )
    return tmp_path


async def test_twenty_journals_side_by_side_use_their_own_users_key_and_show_none(
    providers: list[tuple[LLMockServer, dict[str, int]]],
    folder: Path,
    workers: Workers,
    pool: Pool,
    database_url: str,
    amqp_url: str,
) -> None:
    for (server, _), user in zip(providers, (ADA, BEN), strict=True):
        said = f"Incorrect API key provided: {KEYS[user]}"
        server.state.scenarios.add(
            Fail(401, message=said), Fail(500, message=said), Fail(400, message=said)
        )
    asks = [
        (user, str(new_id()), f"part-{n}")
        for _ in range(JOURNALS)
        for user in KEYS
        for n in range(PARTS)
    ]
    order = {
        "database": database_url,
        "table": str(folder / "models.toml"),
        "asks": asks,
        "own": {ADA: {"first": KEYS[ADA]}, BEN: {"second": KEYS[BEN]}},
    }

    async with aiormq.Connection(amqp_url) as line:
        channel = await line.channel()
        queue = (await channel.queue_declare(exclusive=True)).queue or ""
        await channel.exchange_declare("events", exchange_type="topic", durable=True)
        await channel.queue_bind(queue, "events", UsageRecorded.name)
        ended, said = await asyncio.to_thread(workers.ask, {**order, "amqp": amqp_url})
        messages = [await channel.basic_get(queue, no_ack=True) for _ in asks]

    out, err = "\n".join(said).encode(), workers.log.read_bytes()
    assert ended == 0, err.decode()
    ends = json.loads(said[-1])
    assert ends.count("bad_key") == ends.count("model_error") == ends.count("bad_request") == 2
    assert ends.count("answered") == len(asks) - 6
    heard_by = [heard for _, heard in providers]
    assert heard_by == [{KEYS[ADA]: len(asks) / 2}, {KEYS[BEN]: len(asks) / 2}]

    places = {
        "logs": err,
        "answers and spans": out,
        "messages": b"".join(message.body for message in messages),
        "database": await _dump(pool),
        "files": b"".join(f.read_bytes() for f in workers.folder.rglob("*") if f.is_file()),
    }
    assert b"step_failed" in err
    assert b"trace_id" in out
    assert places["messages"].count(b'"outcome"') == len(asks)
    for place, content in places.items():
        for secret in (*KEYS.values(), HOUSE_KEY):
            assert secret.encode() not in content, place


async def _dump(pool: Pool) -> bytes:
    tables = await pool.fetch(
        "select table_name as name from information_schema.tables where table_schema = 'public'"
    )
    rows = [r for t in tables for r in await pool.fetch(f'select t::text from "{t["name"]}" t')]  # noqa: S608
    return "\n".join(row[0] for row in rows).encode()
