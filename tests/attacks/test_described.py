"""Each service against its own description, by schemathesis: nothing breaks, nothing is unsaid."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from chassis.calls import ServiceCalls
from journal_client.client import Client
from journal_contracts.catalogue import AUTH, GATEWAY, MEDIA, ORCHESTRATOR
from journalcraft.keys import keys_of
from journalcraft.platform import Platform
from tests.apart import python_of

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance"
SMALL, LARGE = 1, 60
"""Examples an operation."""


@pytest.fixture
def endless(fresh_limits: Callable[[], None]) -> Iterator[None]:
    """Nobody is told to come back later."""
    over = threading.Event()

    def keep_refilling() -> None:
        while not over.wait(0.5):
            fresh_limits()

    thread = threading.Thread(target=keep_refilling)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("service", [GATEWAY, ORCHESTRATOR, MEDIA, AUTH])
async def test_a_service_is_as_it_describes_itself(
    service: str, platform: Platform, user: Client, full: bool, tmp_path: Path
) -> None:
    """R4.1d: asked for whatever fits the description, and for what does not."""
    url, auth = _address(platform, service), _address(platform, AUTH)
    key = json.dumps(keys_of(platform.state).services[GATEWAY])
    async with ServiceCalls.open(GATEWAY, key, auth) as calls:
        own = await calls.token()
    command = [
        str(python_of("attacks").with_name("schemathesis")),
        *("run", f"{url}/openapi.json", "--checks", CHECKS, "--no-color", "--seed", "1"),
        *("--max-examples", str(LARGE if full else SMALL), "--request-timeout", "30"),
        *("--phases", "examples,coverage,fuzzing" if full else "examples,fuzzing"),
        *("--exclude-path", "/v1/events", "--exclude-path", "/v1/auth/token"),
        *("-H", f"Authorization: Bearer {await user.token()}"),
        *("-H", f"Service-Authorization: Bearer {own}"),
    ]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.get("/readyz")).status_code == 200


def _address(platform: Platform, service: str) -> str:
    program = platform._keeper._kept[service].process.program
    return program.ready_url.removesuffix("/readyz")
