"""What somebody has, beside what they know: each code holds once (R7.1b)."""

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from joserfc import jwt

from auth_service import one_time

from .test_sessions import ADA, ask, sign_in, told

SECRET = b"12345678901234567890"
"""Of RFC 6238, with its codes."""


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
)
def test_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    moment = datetime.fromtimestamp(at, UTC)

    assert one_time.code_of(SECRET, one_time.step_at(moment)) == code
    assert one_time.step_of(SECRET, code, moment) == at // 30


def test_a_clock_may_be_off_by_a_step_and_no_more() -> None:
    moment = datetime.fromtimestamp(3_000, UTC)

    found = [one_time.step_of(SECRET, one_time.code_of(SECRET, n), moment) for n in range(97, 104)]

    assert found == [None, None, 99, 100, 101, None, None]


class Authenticator:
    """The user's."""

    def __init__(self, door: Any, token: str) -> None:
        self.door, self.token = door, token
        self.secret = b""
        self._step = one_time.step_at(datetime.now(UTC)) - 1

    async def set_up(self) -> list[str]:
        """The recovery codes."""
        body = {"password": ADA["password"]}
        made = await ask(self.door, "POST", "totp", self.token, json=body)
        self.secret = base64.b32decode(made.json()["secret"])
        told = await ask(
            self.door, "POST", "totp/confirm", self.token, json={"code": self.next_code()}
        )
        return list(told.json()["codes"])

    def next_code(self) -> str:
        """One that was not shown yet: at most three hold at a time."""
        code = one_time.code_of(self.secret, self._step)
        self._step += 1
        return code


async def login(door: Any, **more: str) -> httpx.Response:
    answer: httpx.Response = await door.client.post("/v1/auth/login", json={**ADA, **more})
    return answer


@pytest.fixture
async def authenticator(door: Any) -> Authenticator:
    return Authenticator(door, (await sign_in(door))["access_token"])


async def test_who_has_a_second_factor_is_asked_for_it(
    door: Any, authenticator: Authenticator
) -> None:
    await authenticator.set_up()

    without = await login(door)
    wrong = await login(door, code="000000")
    guess = await login(door, password="a wrong but long phrase", code=authenticator.next_code())
    right = await login(door, code=authenticator.next_code())

    assert told(without) == (401, "second_factor_needed")
    assert told(wrong) == (401, "wrong_second_factor")
    assert told(guess) == (401, "wrong_credentials")
    claims = jwt.decode(right.json()["access_token"], door.signing_key).claims
    assert claims["amr"] == ["pwd", "otp"]


async def test_a_code_holds_once_however_many_show_it(
    door: Any, authenticator: Authenticator
) -> None:
    recovery = await authenticator.set_up()
    code = authenticator.next_code()

    for shown in (code, recovery[0]):
        answers = await asyncio.gather(*(login(door, code=shown) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5


async def test_a_factor_that_was_not_confirmed_asks_for_nothing(
    door: Any, authenticator: Authenticator
) -> None:
    body = {"password": ADA["password"]}
    for _ in range(2):
        made = await ask(door, "POST", "totp", authenticator.token, json=body)
    wrong = await ask(door, "POST", "totp/confirm", authenticator.token, json={"code": "000000"})

    assert made.status_code == 201
    assert made.json()["uri"].startswith("otpauth://totp/Journal%20Craft%20Crew%3Aada%40example")
    assert told(wrong) == (422, "code_unfit")
    assert (await login(door)).status_code == 200


async def test_whoever_has_only_the_token_changes_no_factor(
    door: Any, authenticator: Authenticator
) -> None:
    wrong = {"password": "a wrong but long phrase"}
    made = await ask(door, "POST", "totp", authenticator.token, json=wrong)
    await authenticator.set_up()
    again = await ask(door, "POST", "totp", authenticator.token, json={"password": ADA["password"]})
    removed = [
        await ask(door, "POST", "totp/remove", authenticator.token, json=body)
        for body in (
            {**wrong, "code": authenticator.next_code()},
            {"password": ADA["password"], "code": "000000"},
        )
    ]

    assert told(made) == (401, "wrong_credentials")
    assert told(again) == (409, "second_factor_there")
    assert [told(answer)[1] for answer in removed] == ["wrong_credentials", "wrong_second_factor"]


async def test_a_recovery_code_is_a_way_back_and_nothing_is_kept_in_plain(
    door: Any, authenticator: Authenticator, database_url: str
) -> None:
    recovery = await authenticator.set_up()
    connection = await asyncpg.connect(database_url)
    rows = [
        *await connection.fetch("table second_factor"),
        *await connection.fetch("table recovery_code"),
    ]
    await connection.close()

    back = await login(door, code=recovery[0].upper().replace("-", " "))
    body = {"password": ADA["password"], "code": recovery[1]}
    removed = await ask(door, "POST", "totp/remove", back.json()["access_token"], json=body)

    assert (len(recovery), removed.status_code) == (10, 204)
    assert (await login(door)).status_code == 200
    kept = b"".join(bytes(value) for row in rows for value in row if isinstance(value, bytes))
    assert authenticator.secret not in kept
    assert not any(code.replace("-", "").encode() in kept for code in recovery)
