"""Every service that answers HTTP, asked as the services ask one another: past the gateway too."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from joserfc.jwk import ECKey

from chassis.calls import ServiceCalls
from chassis.identity import SERVICE_HEADER
from chassis.ids import new_id
from journalcraft.platform import Platform
from journalcraft.process import Process, Program
from journalcraft.servers.ports import ALONE, reserve
from journalcraft.wiring import AUTH, GATEWAY, MEDIA, ORCHESTRATOR
from tests.faults.proxy import Wire

ASKED: Final = {
    GATEWAY: "/v1/auth/me",
    AUTH: "/v1/auth/me",
    ORCHESTRATOR: "/v1/journals",
    MEDIA: "/v1/documents",
}
"""What anybody who is signed in may ask of each."""
START_SECONDS: Final = 90


@dataclass(frozen=True)
class House:
    """One replica of one service."""

    service: str
    url: str

    @property
    def question(self) -> str:
        return f"{self.url}{ASKED[self.service]}"


@dataclass(frozen=True)
class Street:
    """Replicas, and the keys they were started with."""

    houses: tuple[House, ...]
    signing: ECKey
    gateway_key: ECKey
    deafen: Callable[[float], None] = lambda seconds: None
    """Let nothing pass between the second replicas and RabbitMQ for so many seconds."""

    def of(self, service: str) -> tuple[House, ...]:
        return tuple(house for house in self.houses if house.service == service)

    @contextlib.asynccontextmanager
    async def visitor(self) -> AsyncIterator["Visitor"]:
        """Somebody who asks; past the gateway with the gateway's own token, as if they were in."""
        key = json.dumps(self.gateway_key.as_dict(private=True))
        limits = httpx.Limits(max_connections=200, keepalive_expiry=2)
        async with (
            ServiceCalls.open(GATEWAY, key, self.of(AUTH)[0].url) as calls,
            httpx.AsyncClient(timeout=120, limits=limits, trust_env=False) as http,
        ):
            yield Visitor(self, http, await calls.token())


@dataclass(frozen=True)
class Visitor:
    """Asks the houses of a street."""

    street: Street
    http: httpx.AsyncClient
    service_token: str

    async def sign_up(self) -> dict[str, str]:
        """A new account's credentials."""
        who = {"email": f"{new_id()}@example.org", "password": f"a long pass phrase {new_id()}"}
        opened = await self.http.post(f"{self.auth}/v1/auth/register", json=who)
        opened.raise_for_status()
        return who

    async def sign_in(self, who: Mapping[str, str]) -> dict[str, Any]:
        answer = await self.http.post(f"{self.auth}/v1/auth/login", json=dict(who))
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def ask(self, house: House, token: str) -> httpx.Response:
        """Show a token."""
        headers = {"Authorization": f"Bearer {token}"}
        if house.service not in (GATEWAY, AUTH):
            headers[SERVICE_HEADER] = f"Bearer {self.service_token}"
        return await self.http.get(house.question, headers=headers)

    async def post(self, path: str, token: str = "", **more: Any) -> httpx.Response:
        """Ask the auth service itself."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return await self.http.post(f"{self.auth}/v1/auth/{path}", headers=headers, **more)

    @property
    def auth(self) -> str:
        return self.street.of(AUTH)[0].url


@contextlib.contextmanager
def open_street(platform: Platform, *, twice: bool = False) -> Iterator[Street]:
    """The running platform's services; `twice` with a second replica of each."""
    programs = {service: platform.program(service) for service in ASKED}
    first = [House(service, _url(program)) for service, program in programs.items()]
    with contextlib.ExitStack() as stack:
        told = programs[AUTH].environment, programs[GATEWAY].environment
        line = stack.enter_context(_line(told[0]["JCC_AMQP_URL"])) if twice else None
        away = {"JCC_AMQP_URL": line.url} if line else {}
        second = list(_start(platform, programs, away, stack)) if line else []
        yield Street(
            houses=(*first, *second),
            signing=ECKey.import_key(json.loads(told[0]["JCC_SIGNING_KEY"])),
            gateway_key=ECKey.import_key(json.loads(told[1]["JCC_SERVICE_KEY"])),
            **({"deafen": line.stall} if line else {}),
        )


@contextlib.contextmanager
def beside(platform: Platform, service: str, **told: str) -> Iterator[House]:
    """Another replica of a service, which is told this besides."""
    with contextlib.ExitStack() as stack:
        yield from _start(platform, {service: platform.program(service)}, told, stack)


@dataclass(frozen=True)
class _Line:
    """The second replicas' way to RabbitMQ."""

    url: str
    wire: Wire
    loop: asyncio.AbstractEventLoop

    def stall(self, seconds: float) -> None:
        asyncio.run_coroutine_threadsafe(self.wire.stall(seconds), self.loop)


@contextlib.contextmanager
def _line(target: str) -> Iterator[_Line]:
    """It works in a thread of its own, while tests come and go."""
    loop, wire = asyncio.new_event_loop(), Wire(target)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield _Line(asyncio.run_coroutine_threadsafe(wire.open(), loop).result(), wire, loop)
    asyncio.run_coroutine_threadsafe(_close(wire), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _close(wire: Wire) -> None:
    await wire.close()
    carrying = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(carrying, timeout=5) if carrying else None


def _start(
    platform: Platform,
    programs: Mapping[str, Program],
    told: Mapping[str, str],
    stack: contextlib.ExitStack,
) -> Iterator[House]:
    ports = reserve([ALONE] * len(programs))
    stack.callback(ports.release)
    houses = []
    for (service, program), port in zip(programs.items(), ports.numbers, strict=True):
        url = f"http://127.0.0.1:{port}"
        replica = Program(
            f"{service}-2",
            program.module,
            {**program.environment, "JCC_PORT": str(port), **told},
            f"{url}/readyz",
        )
        process = Process(replica, platform.state)
        process.start()
        stack.callback(process.wait)
        stack.callback(process.terminate)
        houses.append((House(service, url), replica.ready_url))
    for house, ready in houses:
        _wait_for(ready)
        yield house


def _wait_for(url: str) -> None:
    late = time.monotonic() + START_SECONDS
    while time.monotonic() < late:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.05)
    raise TimeoutError(url)


def _url(program: Program) -> str:
    return program.ready_url.removesuffix("/readyz")
