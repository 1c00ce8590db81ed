"""The four servers as one: started side by side, stopped together, restarted one by one."""

import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from journalcraft.servers import postgres, rabbitmq, redis, s3
from journalcraft.servers.given import Given
from journalcraft.servers.passwords import passwords_of
from journalcraft.servers.process import stop_leftover
from journalcraft.servers.running import Running, start
from journalcraft.servers.server import Server

CACHE = Path(__file__).resolve().parents[5] / ".state" / "cache"  # of the clone, for all its runs


class StateFolderBusy(RuntimeError):
    """Another process runs its servers in this state folder."""


class ServerNotOurs(LookupError):
    """The server was not started by us, so we do not stop it either."""


@dataclass(frozen=True)
class Addresses:
    """Where the servers are, as URLs of users who may do everything."""

    amqp: str
    postgres: str
    redis: str
    s3: str


class Servers:
    """Servers that run until they are stopped; as a context manager, until its end."""

    def __init__(self, addresses: Addresses, running: dict[str, Running], lock: IO[str]) -> None:
        self.addresses = addresses
        self._running = running
        self._lock = lock

    def stop(self) -> None:
        """Stop them all; the state folder is free then. Stopping twice is allowed."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(Running.stop, self._running.values()))
        self._running.clear()
        self._lock.close()

    def restart(self, name: str, *, kill: bool = False) -> None:
        """Stop "rabbitmq", "postgres", "redis" or "s3", or kill it; start it where it was.

        Returns when it answers again, on the same port and with the same data.
        """
        if name not in self._running:
            raise ServerNotOurs(f"{name} is not a server that was started here")
        self._running[name].restart(kill=kill)

    def rabbitmqctl(self, *words: str) -> str:
        """Let the operator's tool speak to the broker."""
        running = self._running.get("rabbitmq")
        if running is None or not isinstance(running.server, rabbitmq.RabbitMQ):
            raise ServerNotOurs("rabbitmq is not a server that was started here")
        return running.server.control(running.ports.numbers, *words)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_servers(
    state: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    durable: bool = True,
    cache: Path = CACHE,
) -> Servers:
    """Start what the environment does not give, with the data of the state folder.

    `durable=False` spares PostgreSQL its fsync: a kill loses nothing, a power cut may. What is
    downloaded lands in `cache`. Raises StateFolderBusy, ServerNotFound or ServerDidNotStart.
    """
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    given = Given()
    urls = {
        "rabbitmq": given.amqp_url,
        "postgres": given.postgres_url,
        "redis": given.redis_url,
        "s3": given.s3_url,
    }
    with ExitStack() as undo:
        lock = undo.enter_context(_locked(state))
        _stop_leftovers(state)
        passwords = passwords_of(state)
        recipes: dict[str, Callable[[], Server]] = {
            "rabbitmq": lambda: rabbitmq.prepare(state, passwords, cache, say),
            "postgres": lambda: postgres.prepare(state, passwords.postgres, durable=durable),
            "redis": lambda: redis.prepare(state, passwords.redis),
            "s3": lambda: s3.prepare(state, passwords),
        }
        with ThreadPoolExecutor() as threads:
            starting = {
                name: threads.submit(start, recipe, state, undo)
                for name, recipe in recipes.items()
                if not urls[name]
            }
        running = {name: future.result() for name, future in starting.items()}
        found = {name: url or running[name].address for name, url in urls.items()}
        undo.pop_all()
    return Servers(Addresses(*found.values()), running, lock)


def _locked(state: Path) -> IO[str]:
    """Held as long as the file is open, so it ends with its process."""
    lock = (state / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StateFolderBusy(f"servers already run in {state}; stop them first") from error
    return lock


def _stop_leftovers(state: Path) -> None:
    with ThreadPoolExecutor() as threads:
        list(threads.map(stop_leftover, state.glob("*.pid")))
