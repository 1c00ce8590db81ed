"""The platform without Docker: servers, and every service its own process, under one roof."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from journalcraft import wiring
from journalcraft.door import reserve_from
from journalcraft.keeper import Keeper
from journalcraft.keys import keys_of
from journalcraft.lease import Lease
from journalcraft.operators import appoint
from journalcraft.process import Program
from journalcraft.servers import Addresses, Servers, create_database, start_servers
from journalcraft.servers.ports import ALONE, reserve
from journalcraft.signals import undisturbed
from journalcraft.wiring import AUTH, DATABASES, GATEWAY, SERVICES, Site

Say = Callable[[str], None]
Extra = Mapping[str, Mapping[str, str]]
"""Further environment variables by service, such as shorter deadlines in a test."""

NO_EXTRA: Final[Extra] = {}


class Platform:
    """A running platform; it is stopped at the end of the `with` block."""

    def __init__(
        self, state: Path, url: str, servers: Servers, keeper: Keeper, stack: contextlib.ExitStack
    ) -> None:
        self.state = state
        self.url = url
        self.servers = servers
        self._keeper = keeper
        self._stack = stack

    @property
    def addresses(self) -> Addresses:
        """Where the servers are."""
        return self.servers.addresses

    def kill(self, service: str) -> None:
        """Kill -9 a service; it stays dead until it is started."""
        self._keeper.kill(service)

    def start(self, service: str) -> None:
        """Start a service that was killed, and wait until it is ready."""
        self._keeper.start(service)

    def program(self, service: str) -> Program:
        """How a service is run: for another replica of it, say."""
        return self._keeper.program(service)

    def stop(self) -> None:
        """Stop the services, then the servers if they were started here."""
        with undisturbed():
            self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_platform(
    state: Path,
    *,
    port: int | None = None,
    extra: Extra = NO_EXTRA,
    servers: Servers | None = None,
    say: Say = lambda line: None,
) -> Platform:
    """Start all that is needed on this folder; raises `StateInUse` if another platform runs on it.

    The gateway gets `port`, or the next free one. Servers that are given are shared and stay up.
    """
    state = state.resolve()
    with contextlib.ExitStack() as stack:
        lease = stack.enter_context(Lease.take(state))
        say("Starting the servers and services.")
        running = servers or stack.enter_context(start_servers(state / "servers", say=say))
        ports = _reserve_ports(stack, port)
        site = Site(
            state=state,
            ports=ports,
            addresses=running.addresses,
            databases=_databases(running.addresses, suffix := _suffix(state, servers)),
            bucket=wiring.BUCKET + suffix.replace("_", "-"),
            keys=keys_of(state),
        )
        keeper = Keeper(_programs(site, extra), state, say)
        stack.callback(keeper.stop)
        keeper.start_all()
        appoint(site.url(AUTH), state, wiring.environment_of(AUTH, site, os.environ))
        lease.announce(site.url(GATEWAY))
        kept = stack.pop_all()
    return Platform(state, site.url(GATEWAY), running, keeper, kept)


def _reserve_ports(stack: contextlib.ExitStack, door: int | None) -> dict[str, int]:
    inner = reserve([ALONE] * len(SERVICES))
    stack.callback(inner.release)
    ports = dict(zip(SERVICES, inner.numbers, strict=True))
    if door is not None:
        outer = reserve_from(door)
        stack.callback(outer.release)
        ports[GATEWAY] = outer.numbers[0]
    return ports


def _suffix(state: Path, shared: Servers | None) -> str:
    """On servers of its own a platform uses plain names; on shared ones they tell it apart."""
    return "_" + hashlib.sha256(str(state).encode()).hexdigest()[:8] if shared else ""


def _databases(addresses: Addresses, suffix: str) -> dict[str, str]:
    return {
        service: create_database(addresses.postgres, name + suffix)
        for service, name in DATABASES.items()
    }


def _programs(site: Site, extra: Extra) -> list[Program]:
    (site.state / wiring.WORKERS).mkdir(exist_ok=True)
    return [
        Program(
            name=service,
            module=service.replace("-", "_"),
            environment={
                **wiring.environment_of(service, site, os.environ),
                **extra.get(service, {}),
            },
            ready_url=f"{site.url(service)}/readyz",
        )
        for service in SERVICES
    ]
