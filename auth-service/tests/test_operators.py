"""Operators are made on the server, known by their token, and nobody else gets past."""

import json
import time
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from joserfc import jws, jwt

from auth_service import operators
from auth_service.operators import NoSuchAccount, NotVerified
from chassis import errors
from chassis.database import Database
from chassis.errors import Unauthorized
from chassis.identity import Truth, Verifier, only_with
from chassis.ids import now

from .test_tokens import HEADER, user_claims

EMAIL = "ada@example.com"


def still_holds(request: httpx.Request) -> httpx.Response:
    """The truth, for tokens of users who are made up: what the token says."""
    claims = jws.extract_compact(json.loads(request.content)["token"].encode()).payload
    return httpx.Response(200, json={"active": True, "scope": json.loads(claims)["scope"]})


@pytest.fixture
def verifier(door: Any) -> Verifier:
    return Verifier(door.client, "http://auth.test")


@pytest.fixture
async def guarded(verifier: Verifier) -> httpx.AsyncClient:
    """A service with one route, for operators."""
    app = FastAPI()
    errors.install(app)
    app.state.verifier = verifier
    truth = httpx.MockTransport(still_holds)
    app.state.truth = Truth(httpx.AsyncClient(transport=truth, base_url="http://auth.test"))

    @app.get("/")
    async def secret(_: Annotated[None, Depends(only_with("operator"))]) -> str:
        return "in"

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://guarded.test")


async def test_an_operator_is_known_by_the_token_from_the_next_sign_in_on(
    door: Any, verifier: Verifier, database_url: str
) -> None:
    before = await door.sign_up_and_in(EMAIL)
    async with Database.open(database_url) as database:
        await operators.grant(database, EMAIL.upper(), "root", vouched=True)
        await operators.grant(database, EMAIL, "somebody else")
        granted = await door.sign_up_and_in(EMAIL)
        other = await door.sign_up_and_in("eve@example.com")
        async with database.transaction() as session:
            row = (await session.connection()).exec_driver_sql(
                "select granted_by from account_role"
            )
            assert (await row).all() == [("root",)]
        await operators.revoke(database, EMAIL, "root")
        revoked = await door.sign_up_and_in(EMAIL)

    scopes = [(await verifier.verify(token)).scopes for token in (before, granted, other, revoked)]
    assert scopes == [{"user"}, {"user", "operator"}, {"user"}, {"user"}]


async def test_nobody_is_made_an_operator_by_an_address_nobody_has(
    door: Any, database_url: str
) -> None:
    async with Database.open(database_url) as database:
        with pytest.raises(NoSuchAccount):
            await operators.grant(database, EMAIL, "root")
        with pytest.raises(NoSuchAccount):
            await operators.revoke(database, EMAIL, "root")


async def test_nobody_is_made_an_operator_by_an_address_that_may_be_anothers(
    door: Any, database_url: str
) -> None:
    await door.sign_up_and_in(EMAIL)
    async with Database.open(database_url) as database:
        with pytest.raises(NotVerified):
            await operators.grant(database, EMAIL, "root")


async def test_a_guarded_route_lets_operators_in_and_nobody_else(
    door: Any, guarded: httpx.AsyncClient
) -> None:
    def token(scope: str, ago: int = 0) -> dict[str, str]:
        claims = {**user_claims(), "auth_time": int(time.time()) - ago}
        signed = jwt.encode(HEADER, {**claims, "scope": scope}, door.signing_key)
        return {"Authorization": f"Bearer {signed}"}

    async def told(headers: dict[str, str]) -> tuple[int, str]:
        answer = await guarded.get("/", headers=headers)
        return answer.status_code, answer.json() if answer.is_success else answer.json()["code"]

    assert await told(token("user operator")) == (200, "in")
    assert await told(token("user operator", 800)) == (200, "in")
    assert await told(token("user operator", 901)) == (401, "step_up_needed")
    assert await told(token("user", 901)) == (403, "scope_missing")
    assert await told(token("user")) == (403, "scope_missing")
    assert await told(token("user operators")) == (403, "scope_missing")
    assert await told(token("service operator")) == (401, "unauthorized")
    assert await told({}) == (401, "unauthorized")


async def test_a_user_who_operates_is_no_service(door: Any, verifier: Verifier) -> None:
    for scope in ("user operator", "service operator"):
        token = jwt.encode(HEADER, {**user_claims(), "scope": scope}, door.signing_key)

        with pytest.raises(Unauthorized):
            await verifier.verify_service(token)


async def test_a_role_ends_when_it_was_said_to(
    door: Any, verifier: Verifier, database_url: str
) -> None:
    await door.sign_up_and_in(EMAIL)
    scopes = []
    async with Database.open(database_url) as database:
        for days in (-1, 1):
            until = now() + timedelta(days=days)
            await operators.grant(database, EMAIL, "root", until, vouched=True)
            scopes.append((await verifier.verify(await door.sign_up_and_in(EMAIL))).scopes)

    assert scopes == [{"user"}, {"user", "operator"}]
