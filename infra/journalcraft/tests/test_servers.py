"""The servers of `journalcraft`: real ones, asked as their clients ask them."""

import io
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import pytest
from minio import Minio
from redis import Redis

from journalcraft.servers import (
    Servers,
    StateFolderBusy,
    create_database,
    ports,
    proc,
    process,
    redis,
    start_servers,
)
from journalcraft.servers.server import ServerNotFound

NAMES = ("rabbitmq", "postgres", "redis", "s3")
CRASH = """
import os, sys
from pathlib import Path
from journalcraft.servers import start_servers
start_servers(Path(sys.argv[1]), durable=False)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def both(state: Path) -> Iterator[list[Servers]]:
    """Two stacks that are started in the same moment, as two test runs on one machine may be."""
    with ThreadPoolExecutor() as threads:
        start = partial(start_servers, durable=False)
        stacks = list(threads.map(start, (state, state.with_name("other"))))
        yield stacks
        list(threads.map(Servers.stop, stacks))


@pytest.fixture(scope="module")
def running(both: list[Servers]) -> Servers:
    return both[0]


@pytest.fixture
def only_small_ones(running: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """RabbitMQ and S3 are given, so that a further stack is PostgreSQL and Redis alone."""
    monkeypatch.setenv("JOURNALCRAFT_AMQP_URL", running.addresses.amqp)
    monkeypatch.setenv("JOURNALCRAFT_S3_URL", running.addresses.s3)


def s3_client(url: str) -> Minio:
    parts = urlsplit(url)
    return Minio(
        parts.netloc.rpartition("@")[2],
        access_key=parts.username,
        secret_key=parts.password,
        secure=False,
        region="us-east-1",
    )


async def put_a_message(url: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        quorum = {"x-queue-type": "quorum"}
        queue = await channel.declare_queue("kept", durable=True, arguments=quorum)
        message = aio_pika.Message(b"hello", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=queue.name)


async def take_a_message(url: str) -> bytes:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("kept")
        message = await queue.get(timeout=5)
        await message.ack()
        return message.body


async def put_a_row(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
    await connection.execute("INSERT INTO kept VALUES ('hello')")
    await connection.close()


async def take_the_rows(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT word FROM kept")
    await connection.close()
    return [row["word"] for row in rows]


def put_an_object(url: str) -> None:
    s3 = s3_client(url)
    if not s3.bucket_exists("kept"):
        s3.make_bucket("kept")
    s3.put_object("kept", "word", io.BytesIO(b"hello"), 5)


def take_the_object(url: str) -> bytes:
    answer = s3_client(url).get_object("kept", "word")
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


async def test_each_server_answers_its_own_client(running: Servers) -> None:
    at = running.addresses

    await put_a_message(at.amqp)
    await put_a_row(at.postgres)
    put_an_object(at.s3)
    with Redis.from_url(at.redis) as cache:
        cache.set("word", "hello")
        assert cache.get("word") == b"hello"

    assert await take_a_message(at.amqp) == b"hello"
    assert "hello" in await take_the_rows(at.postgres)
    assert take_the_object(at.s3) == b"hello"


async def test_a_restart_keeps_address_and_data(running: Servers) -> None:
    at = running.addresses
    url = create_database(at.postgres, "restarted")
    await put_a_message(at.amqp)
    await put_a_row(url)
    put_an_object(at.s3)

    with ThreadPoolExecutor() as threads:
        list(threads.map(running.restart, NAMES))

    assert running.addresses == at
    assert await take_a_message(at.amqp) == b"hello"
    assert await take_the_rows(url) == ["hello"]
    assert take_the_object(at.s3) == b"hello"
    with Redis.from_url(at.redis) as cache:
        assert cache.ping()


async def test_a_kill_loses_nothing_that_was_committed(running: Servers) -> None:
    at = running.addresses
    url = create_database(at.postgres, "killed")
    await put_a_row(url)
    put_an_object(at.s3)

    for name in ("postgres", "redis", "s3"):
        running.restart(name, kill=True)

    assert await take_the_rows(url) == ["hello"]
    assert take_the_object(at.s3) == b"hello"


async def test_two_stacks_run_at_once(both: list[Servers]) -> None:
    one, other = (servers.addresses for servers in both)
    await put_a_message(one.amqp)
    await put_a_message(other.amqp)

    assert await take_a_message(one.amqp) == b"hello"
    assert await take_a_message(other.amqp) == b"hello"
    ports_of = [{urlsplit(url).port for url in vars(at).values()} for at in (one, other)]
    assert not ports_of[0] & ports_of[1]


async def test_the_next_start_finds_its_data_again(only_small_ones: None, tmp_path: Path) -> None:
    with start_servers(tmp_path, durable=False) as first:
        url = create_database(first.addresses.postgres, "again")
        await put_a_row(url)

    with start_servers(tmp_path, durable=False) as second:
        url = create_database(second.addresses.postgres, "again")
        assert await take_the_rows(url) == ["hello"]


def test_the_next_start_stops_what_a_killed_one_left(only_small_ones: None, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], check=False)
    left = [
        proc.Identity(*json.loads(note.read_text())[0]) for note in sorted(tmp_path.glob("*.pid"))
    ]
    assert killed.returncode == -9
    assert [proc.is_alive(one) for one in left] == [True, True]

    with start_servers(tmp_path, durable=False):
        assert not any(map(proc.is_alive, left))


def test_a_stranger_with_an_old_pid_is_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "postgres.pid"
    note.write_text(json.dumps((proc.identify(os.getpid()), ("postgres:",), 15, ())))

    assert not process.stop_leftover(note)
    assert not note.exists()


def test_a_state_folder_serves_one_at_a_time(running: Servers, state: Path) -> None:
    with pytest.raises(StateFolderBusy, match="already run"):
        start_servers(state)


async def test_a_database_is_its_owners_alone(running: Servers) -> None:
    ours = create_database(running.addresses.postgres, "ours")
    theirs = create_database(running.addresses.postgres, "theirs")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(ours.removesuffix("ours") + "theirs")
    assert theirs == create_database(running.addresses.postgres, "theirs")


def test_nobody_enters_without_a_password(running: Servers, state: Path) -> None:
    host = urlsplit(running.addresses.s3).netloc.rpartition("@")[2]

    with pytest.raises(HTTPError, match="403"):
        urllib.request.urlopen(f"http://{host}/kept/word", timeout=5)
    assert ports.ask(urlsplit(running.addresses.redis).port or 0, b"PING\r\n").startswith(
        b"-NOAUTH"
    )
    assert (state / "passwords.json").stat().st_mode & 0o077 == 0


def test_a_server_that_is_nowhere_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ServerNotFound, match="sudo apt-get install redis-server"):
        redis.prepare(tmp_path, "secret")
