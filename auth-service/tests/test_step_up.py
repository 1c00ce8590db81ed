"""What a stolen session must not do wants its user to show again who they are (R7.1c)."""

from typing import Any

import asyncpg
import httpx
import pytest
from joserfc import jwt

from .test_accounts import bearer
from .test_second_factors import Authenticator
from .test_sessions import ADA, ask, go_on, sign_in, told

WORD = {"password": ADA["password"]}


@pytest.fixture
async def begun(door: Any, database_url: str) -> dict[str, Any]:
    """A session whose user signed in an hour ago."""
    here = await sign_in(door)
    await aged(database_url)
    return here


async def aged(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update session set auth_time = now() - interval '1 hour'")
    await connection.close()


async def puts_a_key(door: Any, token: str) -> httpx.Response:
    answer: httpx.Response = await door.client.put(
        "/v1/keys/openai", json={"key": "sk-0123456789abcdef"}, headers=bearer(token)
    )
    return answer


async def test_a_key_is_written_and_shredded_by_who_has_just_shown_who_they_are(
    door: Any, begun: dict[str, Any]
) -> None:
    old = begun["access_token"]
    refused = await puts_a_key(door, old)
    stepped = await ask(door, "POST", "step-up", old, json=WORD)

    new = stepped.json()["access_token"]
    assert told(refused) == (401, "step_up_needed")
    assert refused.json()["max_age"] == 900
    assert refused.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age=900'
    )
    assert stepped.status_code == 200
    assert "refresh_token" not in stepped.json()
    assert (await puts_a_key(door, new)).status_code == 200
    assert (await door.client.delete("/v1/keys/openai", headers=bearer(new))).status_code == 204


async def test_to_go_on_with_a_session_shows_nothing_anew(
    door: Any, begun: dict[str, Any], database_url: str
) -> None:
    gone_on = (await go_on(door, begun["refresh_token"])).json()

    assert told(await puts_a_key(door, gone_on["access_token"])) == (401, "step_up_needed")


async def test_a_step_up_is_for_one_session_which_goes_on_with_it(
    door: Any, begun: dict[str, Any], database_url: str
) -> None:
    other = await sign_in(door)
    await aged(database_url)
    stepped = (await ask(door, "POST", "step-up", begun["access_token"], json=WORD)).json()
    gone_on = (await go_on(door, begun["refresh_token"])).json()

    old, new, later = [
        jwt.decode(each["access_token"], door.signing_key).claims
        for each in (begun, stepped, gone_on)
    ]
    assert new["sid"] == later["sid"] == old["sid"]
    assert new["auth_time"] == later["auth_time"]
    assert told(await puts_a_key(door, other["access_token"])) == (401, "step_up_needed")
    assert (await puts_a_key(door, gone_on["access_token"])).status_code == 200


async def test_a_step_up_wants_what_signing_in_wants(door: Any, database_url: str) -> None:
    authenticator = Authenticator(door, (await sign_in(door))["access_token"])
    await authenticator.set_up()
    await aged(database_url)
    token = authenticator.token

    wrong = await ask(door, "POST", "step-up", token, json={"password": "y" * 15})
    half = await ask(door, "POST", "step-up", token, json=WORD)
    guess = await ask(door, "POST", "step-up", token, json={**WORD, "code": "000000"})
    whole = {**WORD, "code": authenticator.next_code()}
    right = await ask(door, "POST", "step-up", token, json=whole)
    again = await ask(door, "POST", "step-up", token, json=whole)

    assert told(wrong) == (401, "wrong_credentials")
    assert told(half) == (401, "second_factor_needed")
    assert told(guess) == told(again) == (401, "wrong_second_factor")
    claims = jwt.decode(right.json()["access_token"], door.signing_key).claims
    assert claims["amr"] == ["pwd", "otp"]


async def test_a_session_that_ended_is_not_stepped_up(door: Any, begun: dict[str, Any]) -> None:
    await ask(door, "POST", "logout", begun["access_token"])

    answer = await ask(door, "POST", "step-up", begun["access_token"], json=WORD)

    assert told(answer) == (401, "session_ended")
