"""Is this process alive, has it started, can it do its work: `/livez`, `/startupz`, `/readyz`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Probe = Callable[[], Awaitable[None]]
"""Asks one dependency for a sign of life; raises when there is none."""

PATIENCE = 2.0


def router(probes: Mapping[str, Probe]) -> APIRouter:
    """The three health routes and `/metrics`, outside of the documented interface."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/livez")
    @routes.get("/startupz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/readyz")
    async def ready(response: Response) -> dict[str, str]:
        states = await asyncio.gather(*(_ask(probe) for probe in probes.values()))
        response.status_code = 200 if set(states) <= {"ready"} else 503
        return dict(zip(probes, states, strict=True))

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _ask(probe: Probe) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await probe()
    except Exception as error:  # whatever it is, this dependency cannot be used now
        return type(error).__name__
    return "ready"
