"""A service asks another in a user's name: with its own token, fetched when needed and kept."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Request

from chassis import errors
from chassis.calls import AuthUnavailable, ServiceCalls
from chassis.identity import CurrentCaller, Verifier, new_key, only_from


@pytest.fixture
async def auth_url(door: Any) -> AsyncIterator[str]:
    """The auth service on a real port."""
    async with served(door.app) as url:
        yield url


@pytest.fixture
async def owner_url(auth_url: str) -> AsyncIterator[str]:
    """A service with an internal route, on another."""
    app = FastAPI()
    errors.install(app)

    @app.get("/mine", dependencies=[Depends(only_from("gateway-service"))])
    async def mine(caller: CurrentCaller, request: Request) -> dict[str, str]:
        return {"user": str(caller.user_id), "by": request.headers["service-authorization"]}

    async with httpx.AsyncClient() as client, served(app) as url:
        app.state.verifier = Verifier(client, auth_url)
        yield url


async def test_a_call_carries_the_users_token_and_the_services_own(
    door: Any, auth_url: str, owner_url: str
) -> None:
    user = {"Authorization": f"Bearer {await door.sign_up_and_in()}"}
    async with calls(door.gateway_key, auth_url) as ours:
        client = await ours.client(owner_url)
        answers = await asyncio.gather(*(client.get("/mine", headers=user) for _ in range(5)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.json()["by"] for answer in answers}) == 1


async def test_a_token_that_is_refused_is_fetched_anew_once(
    door: Any, auth_url: str, owner_url: str
) -> None:
    """A key that leaked is taken out; what it signed is no use to the services either."""
    user = {"Authorization": f"Bearer {await door.sign_up_and_in()}"}
    async with calls(door.gateway_key, auth_url) as ours:
        client = await ours.client(owner_url)
        ours._oauth.token = {**(await _kept(ours)), "access_token": "of a key that leaked"}
        first = await client.get("/mine", headers=user)
        stranger = await client.get("/mine", headers={"Authorization": "Bearer nobody's"})
        kept = await ours.token()

    assert first.status_code == 200
    assert stranger.status_code == 401
    assert first.json()["by"] == f"Bearer {kept}"


async def _kept(calls: ServiceCalls) -> dict[str, Any]:
    await calls.token()
    return dict(calls._oauth.token)


async def test_an_internal_route_lets_nobody_else_in(
    door: Any, auth_url: str, owner_url: str
) -> None:
    token = await door.sign_up_and_in()
    user = {"Authorization": f"Bearer {token}"}
    async with calls(door.gateway_key, auth_url) as gateway, httpx.AsyncClient() as anybody:
        gateways = {"Service-Authorization": f"Bearer {await gateway.token()}"}
        asked = [
            user,
            {**user, "Service-Authorization": f"Bearer {token}"},
            {**user, "Service-Authorization": "Bearer nonsense"},
            gateways,
            {**gateways, "Authorization": gateways["Service-Authorization"]},
        ]
        statuses = [(await anybody.get(f"{owner_url}/mine", headers=h)).status_code for h in asked]
    async with calls(door.media_key, auth_url, "media-service") as media:
        other = await (await media.client(owner_url)).get("/mine", headers=user)

    assert statuses == [401] * 5
    assert (other.status_code, other.json()["code"]) == (403, "forbidden")


async def test_a_service_that_auth_does_not_know_gets_no_token(door: Any, auth_url: str) -> None:
    async with calls(new_key("gateway-service"), auth_url) as impostor:
        with pytest.raises(AuthUnavailable):
            await impostor.token()


async def test_without_auth_there_is_no_token(door: Any, unused_tcp_port: int) -> None:
    async with calls(door.gateway_key, f"http://127.0.0.1:{unused_tcp_port}") as ours:
        with pytest.raises(AuthUnavailable):
            await ours.token()


def calls(
    key: Any, auth_url: str, service: str = "gateway-service"
) -> contextlib.AbstractAsyncContextManager[ServiceCalls]:
    return ServiceCalls.open(service, json.dumps(key.as_dict(private=True)), auth_url)


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The application on a free port, in this loop; whoever built it starts and stops it."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server._serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
