"""Attacks with a session that was stolen: it goes on, and never becomes its user (R7.1c)."""

from typing import Final

import asyncpg
import httpx
import pytest

from chassis.ids import new_id
from journalcraft.account import credentials_of
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH

ROBBED: Final = {
    "writes a key": ("PUT", "/v1/keys/openai", {"key": "sk-0123456789abcdef"}),
    "shreds a key": ("DELETE", "/v1/keys/openai", None),
    "shares a journal": (
        "POST",
        f"/v1/journals/{new_id()}/collaborators",
        {"email": "eve@eve.example"},
    ),
    "has events told": (
        "POST",
        "/v1/webhooks",
        {"url": "https://eve.example/", "events": ["journal.craft.completed.v1"]},
    ),
    "links a provider": ("POST", "/v1/auth/oidc/certified/link", {}),
    "unlinks a provider": ("DELETE", f"/v1/auth/oidc/identities/{new_id()}", None),
    "reads the audit": ("GET", "/v1/audit", None),
    "reads dead letters": ("GET", "/v1/dead-letters", None),
    "sends dead letters back": ("POST", "/v1/dead-letters/redrive", {"service": "media-service"}),
    "drops dead letters": ("POST", "/v1/dead-letters/drop", {"service": "media-service"}),
    "guesses the password": ("POST", "/v1/auth/step-up", {"password": "a guess of some length"}),
}
AGED: Final = "update session set auth_time = now() - interval '16 minutes' where id = $1"


@pytest.mark.parametrize("attack", ROBBED)
async def test_a_stolen_session_of_an_operator_opens_nothing_that_wants_its_user(
    platform: Platform, attack: str
) -> None:
    """The thief has both tokens, and goes on with them; signing in took place a while ago."""
    method, path, body = ROBBED[attack]
    operator = credentials_of(platform.state)
    async with httpx.AsyncClient(base_url=platform.url, timeout=30, trust_env=False) as thief:
        stolen = (await thief.post("/v1/auth/login", json=operator.model_dump())).json()
        sessions = await thief.get("/v1/auth/sessions", headers=bearer(stolen["access_token"]))
        [here] = [each["id"] for each in sessions.json()["items"] if each["current"]]
        auth = await asyncpg.connect(platform.program(AUTH).environment["JCC_DATABASE_URL"])
        await auth.execute(AGED, here)
        await auth.close()

        order = {"refresh_token": stolen["refresh_token"]}
        gone_on = (await thief.post("/v1/auth/refresh", json=order)).json()
        answer = await thief.request(
            method, path, json=body, headers=bearer(gone_on["access_token"])
        )

    assert answer.status_code == 401
    assert answer.json()["code"] in ("step_up_needed", "wrong_credentials")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
