"""Accounts that are guessed, searched for, or talked into more than they are (R7.1b, R7.2b)."""

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest

from auth_service.passwords import LONGEST_QUEUE
from chassis.ids import new_id
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH, GATEWAY

from .street import House, Visitor, beside

DOORS: Final = (AUTH, GATEWAY)
LAG: Final = 0.05
"""Seconds, of 99 in 100, that anything else may wait while a crowd signs in."""
GUESSES: Final = 30
"""At one account, in ten minutes."""


@pytest.fixture(scope="module")
def dear(platform: Platform) -> Iterator[House]:
    """Where a password is as dear to check as it is for users."""
    with beside(platform, AUTH, JCC_PASSWORD_COST="full") as house:
        yield house


async def ask(visitor: Visitor, house: House, path: str, body: Any, **more: Any) -> httpx.Response:
    return await visitor.http.post(f"{house.url}/v1/auth/{path}", json=body, **more)


async def post(visitor: Visitor, service: str, path: str, body: Any, **more: Any) -> httpx.Response:
    return await ask(visitor, visitor.street.of(service)[0], path, body, **more)


def without_trace(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "trace_id"}


def nobody(**more: Any) -> dict[str, Any]:
    return {"email": f"{new_id()}@example.org", "password": "a long pass phrase of mine", **more}


# --- who is there? ------------------------------------------------------------------------------


@pytest.mark.parametrize("service", DOORS)
async def test_no_answer_says_whether_there_is_such_an_account(
    visitor: Visitor, service: str
) -> None:
    wrong = {**await visitor.sign_up(), "password": "a long but wrong phrase"}

    known = await post(visitor, service, "login", wrong)
    unknown = await post(visitor, service, "login", nobody())

    assert (known.status_code, without_trace(known)) == (401, without_trace(unknown))
    varying = {"date", "ratelimit", "content-length"}
    assert set(known.headers) - varying == set(unknown.headers) - varying


async def test_no_time_says_whether_there_is_such_an_account(visitor: Visitor, dear: House) -> None:
    """Medians, one after the other; a check that was left out would take a tenth."""
    who = nobody()
    assert (await ask(visitor, dear, "register", who)).status_code == 202
    wrong = {**who, "password": "a long but wrong phrase"}
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(9):
        for name, who in (("known", wrong), ("unknown", nobody())):
            began = time.perf_counter()
            await ask(visitor, dear, "login", who)
            took[name].append(time.perf_counter() - began)

    known, unknown = (statistics.median(took[name]) for name in ("known", "unknown"))
    assert 0.4 < known / unknown < 2.5


# --- guessing -----------------------------------------------------------------------------------


async def test_one_account_is_not_guessed_at_for_long(visitor: Visitor) -> None:
    """However its address is written."""
    who = await visitor.sign_up()
    spellings = (who["email"], who["email"].upper(), who["email"].title())
    statuses = []
    for number in range(GUESSES + 6):
        guess = {"email": spellings[number % 3], "password": f"a long but wrong phrase {number}"}
        answer = await post(visitor, GATEWAY, "login", guess)
        statuses.append(answer.status_code)

    assert statuses[:GUESSES] == [401] * GUESSES
    assert set(statuses[GUESSES:]) <= {401, 429}
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.deep
@pytest.mark.timeout(900)
async def test_many_accounts_are_not_guessed_at_from_one_place(visitor: Visitor) -> None:
    """Three hundred in ten minutes, whatever the headers say of where they come from."""

    async def guess(number: int) -> int:
        forwarded = {"X-Forwarded-For": f"10.0.{number // 250}.{number % 250}"}
        return (await post(visitor, GATEWAY, "login", nobody(), headers=forwarded)).status_code

    statuses: list[int] = []
    for start in range(0, 340, 10):
        statuses += await asyncio.gather(*(guess(start + number) for number in range(10)))

    assert statuses[-1] == 429
    assert statuses.count(401) < 340


async def test_an_old_password_is_not_guessed_at_by_changing_it(visitor: Visitor) -> None:
    here = await visitor.sign_in(await visitor.sign_up())
    headers = {"Authorization": f"Bearer {here['access_token']}"}
    statuses = []
    for number in range(GUESSES + 4):
        change = {"old": f"a long but wrong phrase {number}", "new": "another long pass phrase"}
        answer = await post(visitor, GATEWAY, "password", change, headers=headers)
        statuses.append(answer.status_code)

    assert statuses[0] == 401
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaaa",
        "1234567890123456",
        "passwordpassword",
        "qwertyuiopasdfgh",
        "Correct Horse Battery Staple",
        "letmein letmein letmein",
    ],
)
async def test_what_is_guessed_first_is_taken_by_nobody(visitor: Visitor, password: str) -> None:
    for service in DOORS:
        answer = await post(visitor, service, "register", nobody(password=password))
        assert (answer.status_code, answer.json()["code"]) == (422, "password_guessable")
        assert password not in answer.text


async def test_an_address_is_no_password(visitor: Visitor) -> None:
    email = f"{new_id()}@example.org"
    answer = await post(visitor, AUTH, "register", {"email": email, "password": email})

    assert (answer.status_code, answer.json()["code"]) == (422, "password_guessable")


# --- more than they are -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["register", "login"])
@pytest.mark.parametrize(
    "extra",
    [
        {"roles": ["operator"]},
        {"role": "operator"},
        {"scope": "user operator"},
        {"scopes": ["operator"]},
        {"is_admin": True},
        {"id": str(new_id())},
        {"version": 99},
        {"password_hash": "$argon2id$v=19$m=8,t=1,p=1$eA$eA"},
        {"created_at": "1970-01-01T00:00:00Z"},
        {"email_verified": True},
    ],
    ids=lambda extra: next(iter(extra)),
)
async def test_nobody_gives_themselves_more(
    visitor: Visitor, path: str, extra: dict[str, Any]
) -> None:
    for service in DOORS:
        assert (await post(visitor, service, path, nobody(**extra))).status_code == 422


async def test_a_new_account_is_a_user_and_nothing_else(visitor: Visitor) -> None:
    here = await visitor.sign_in(await visitor.sign_up())
    headers = {"Authorization": f"Bearer {here['access_token']}"}

    answer = await visitor.http.get(
        f"{visitor.street.of(GATEWAY)[0].url}/v1/dead-letters", headers=headers
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_an_address_has_one_account_however_it_is_written(visitor: Visitor) -> None:
    who = await visitor.sign_up()
    for spelled in (who["email"].upper(), f" {who['email']} ", who["email"].title()):
        other = {"email": spelled, "password": "another long pass phrase"}
        assert (await post(visitor, AUTH, "register", other)).status_code == 202
        assert (await post(visitor, AUTH, "login", other)).status_code == 401


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b",
        "a b@example.org",
        "a@example.org\r\nBcc: eve@example.org",
        "a\0@example.org",
        "a@example.org,eve@example.org",
        "x" * 250 + "@example.org",
        ["a@example.org"],
        {"$ne": ""},
        None,
        7,
    ],
    ids=repr,
)
async def test_what_is_no_address_opens_no_account(visitor: Visitor, email: object) -> None:
    for service in DOORS:
        assert (await post(visitor, service, "register", nobody(email=email))).status_code == 422


@pytest.mark.parametrize("email", ["' or 1=1 --@example.org", "%@example.org", "_@example.org"])
async def test_an_address_is_compared_and_not_run(visitor: Visitor, email: str) -> None:
    await visitor.sign_up()
    answer = await post(visitor, AUTH, "login", nobody(email=email.replace(" ", "/**/")))

    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
async def test_a_form_of_another_page_signs_nobody_in(visitor: Visitor, kind: str) -> None:
    who = await visitor.sign_up()
    body = f'{{"email":"{who["email"]}","password":"{who["password"]}"}}'
    for service in DOORS:
        url = f"{visitor.street.of(service)[0].url}/v1/auth/login"
        answer = await visitor.http.post(url, content=body, headers={"Content-Type": kind})
        assert answer.status_code in {415, 422}


# --- too much -----------------------------------------------------------------------------------


@pytest.mark.parametrize("service", DOORS)
async def test_a_password_of_a_megabyte_costs_nothing(visitor: Visitor, service: str) -> None:
    began = time.perf_counter()
    answers = [
        await post(visitor, service, path, nobody(password="x" * 1_000_000))
        for path in ("login", "register")
    ]

    assert {answer.status_code for answer in answers} <= {413, 422}
    assert time.perf_counter() - began < 5


class Watch(threading.Thread):
    """Asks again and again whether a service is alive, and how long that takes it."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._address = urlsplit(url).netloc
        self._over = threading.Event()
        self.took: list[float] = []

    def run(self) -> None:
        while not self._over.wait(0.005):
            began = time.perf_counter()
            with contextlib.closing(HTTPConnection(self._address, timeout=30)) as line:
                line.request("GET", "/livez")
                line.getresponse().read()
            self.took.append(time.perf_counter() - began)

    def stop(self) -> float:
        """Of 99 in 100."""
        self._over.set()
        self.join()
        return sorted(self.took)[int(0.99 * len(self.took))]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("crowd", [80, pytest.param(200, marks=pytest.mark.deep)])
async def test_a_crowd_that_signs_in_at_once_stops_nobody(
    visitor: Visitor, dear: House, crowd: int
) -> None:
    """As many as can wait are checked, the others told when to come back; all else goes on."""
    watch = Watch(dear.url)
    watch.start()
    answers = await asyncio.gather(*(ask(visitor, dear, "login", nobody()) for _ in range(crowd)))
    lag = watch.stop()

    busy = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {401, 503}
    assert all(answer.headers["retry-after"] for answer in busy)
    assert crowd - len(busy) >= LONGEST_QUEUE
    assert lag < (LAG if crowd == 200 else 2)


# --- what is left behind ------------------------------------------------------------------------


async def test_no_log_has_a_password_or_a_token(visitor: Visitor, platform: Platform) -> None:
    """Right ones, wrong ones, and what was refused for its shape."""
    who = await visitor.sign_up()
    here = await visitor.sign_in(who)
    canaries = [who["password"], here["access_token"], here["refresh_token"]]
    for service in DOORS:
        for number, body in enumerate(
            {"password": f"canary wrong phrase {number}"} for number in range(2)
        ):
            canaries.append(body["password"])
            await post(visitor, service, "login", {**who, **body})
            await post(visitor, service, "login", {**who, **body, "extra": number})
        refresh = {"refresh_token": f"canary-{new_id()}"}
        canaries.append(refresh["refresh_token"])
        await post(visitor, service, "refresh", refresh)
    await visitor.post("logout", here["access_token"])

    logs = "".join(file.read_text() for file in (platform.state / "logs").glob("*.log"))
    assert logs
    assert [canary for canary in canaries if canary in logs] == []
    assert who["email"] not in logs
