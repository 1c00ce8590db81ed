"""Ready is who can do its work: every probe answers, and in time."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from chassis import health


async def well() -> None:
    pass


async def away() -> None:
    raise ConnectionError("amqp://user:pass@host is away")


async def hanging() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def probes() -> dict[str, health.Probe]:
    return {"database": well}


@pytest.fixture
async def client(probes: dict[str, health.Probe]) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(health.router(probes))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


async def test_it_is_ready_when_every_probe_answers(
    client: httpx.AsyncClient, probes: dict[str, health.Probe]
) -> None:
    probes["broker"] = well  # probes may still grow at start

    answer = await client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"database": "ready", "broker": "ready"}


async def test_it_is_ready_when_there_is_nothing_to_ask(
    client: httpx.AsyncClient, probes: dict[str, health.Probe]
) -> None:
    probes.clear()

    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(("probe", "why"), [(away, "ConnectionError"), (hanging, "TimeoutError")])
async def test_it_is_not_ready_when_a_probe_fails_or_hangs(
    client: httpx.AsyncClient,
    probes: dict[str, health.Probe],
    probe: health.Probe,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    probes["broker"] = probe

    answer = await client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"database": "ready", "broker": why}


async def test_it_is_alive_even_when_its_servers_are_away(
    client: httpx.AsyncClient, probes: dict[str, health.Probe]
) -> None:
    probes["broker"] = away

    answers = [await client.get(path) for path in ("/livez", "/startupz")]

    assert [answer.status_code for answer in answers] == [200, 200]


async def test_what_it_measures_is_told_to_prometheus(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")

    assert "python_info" in answer.text
