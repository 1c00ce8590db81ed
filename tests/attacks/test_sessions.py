"""Sessions that are stolen, raced, shared or over, at two replicas of each service (R7.1c)."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx
import pytest

from chassis.ids import new_id
from chassis.revocation import ASK_SECONDS
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH, GATEWAY
from tests import report

from .street import House, Street, Visitor, open_street

TOGETHER: Final = 128
A_SECOND: Final = 100
"""Requests, while somebody signs out."""
IN_FLIGHT: Final = 20
BOUND: Final = 0.25
"""Seconds, of 99 in 100, from the answer to the last request that was let in."""
PATIENCE: Final = 5.0
COOKIE: Final = "__Secure-jcc-refresh"


@pytest.fixture(scope="module")
def street(platform: Platform) -> Iterator[Street]:
    with open_street(platform, twice=True) as street:
        yield street


@pytest.fixture
def database_url(platform: Platform) -> str:
    return platform.program(AUTH).environment["JCC_DATABASE_URL"]


async def go_on(
    visitor: Visitor, token: str, house: House | None = None, agent: str = "one"
) -> httpx.Response:
    url = (house or visitor.street.of(AUTH)[0]).url
    body = {"refresh_token": token}
    # A connection that is kept may be closed by the other side just as it is used again.
    headers = {"User-Agent": agent, "Connection": "close"}
    return await visitor.http.post(f"{url}/v1/auth/refresh", json=body, headers=headers)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


REFUSED: Final = (401, "invalid_refresh_token")


async def later(database_url: str, seconds: int) -> None:
    """Let every spent token have been spent so long ago."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "update spent_token set spent_at = spent_at - make_interval(secs => $1)", seconds
    )
    await connection.close()


async def over_everywhere(visitor: Visitor, token: str) -> None:
    """In every replica, soon."""
    async with asyncio.timeout(PATIENCE):
        for house in visitor.street.houses:
            while (answer := await visitor.ask(house, token)).is_success:
                await asyncio.sleep(0.005)
            assert told(answer) == (401, "session_ended")


# --- refresh tokens -----------------------------------------------------------------------------


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.deep)])
async def test_of_128_who_refresh_at_once_exactly_one_wins(visitor: Visitor, rounds: int) -> None:
    """At both replicas; the others are told that they raced, get no token, and nothing ends."""
    token = (await visitor.sign_in(await visitor.sign_up()))["refresh_token"]
    auth = visitor.street.of(AUTH)
    for _ in range(rounds):
        answers = await asyncio.gather(
            *(go_on(visitor, token, auth[n % len(auth)]) for n in range(TOGETHER))
        )
        won = [answer for answer in answers if answer.is_success]
        lost = [told(answer) for answer in answers if not answer.is_success]
        assert (len(won), lost) == (1, [(409, "refresh_raced")] * (TOGETHER - 1))
        assert not any("_token" in answer.json() for answer in answers if not answer.is_success)
        token = won[0].json()["refresh_token"]


async def test_a_token_replayed_after_its_grace_ends_the_session_everywhere(
    visitor: Visitor, database_url: str
) -> None:
    first = await visitor.sign_in(await visitor.sign_up())
    second = (await go_on(visitor, first["refresh_token"])).json()
    await later(database_url, 11)

    assert told(await go_on(visitor, first["refresh_token"])) == REFUSED
    assert told(await go_on(visitor, second["refresh_token"])) == REFUSED
    await over_everywhere(visitor, second["access_token"])


async def test_a_token_of_many_turns_ago_ends_the_session_too(
    visitor: Visitor, database_url: str
) -> None:
    first = await visitor.sign_in(await visitor.sign_up())
    token = first["refresh_token"]
    for _ in range(5):
        token = (await go_on(visitor, token)).json()["refresh_token"]
    await later(database_url, 11)

    assert told(await go_on(visitor, first["refresh_token"])) == REFUSED
    assert told(await go_on(visitor, token)) == REFUSED


async def test_a_thief_in_the_same_seconds_is_no_second_window(visitor: Visitor) -> None:
    first = await visitor.sign_in(await visitor.sign_up())
    second = (await go_on(visitor, first["refresh_token"], agent="browser")).json()

    assert told(await go_on(visitor, first["refresh_token"], agent="thief")) == REFUSED
    assert told(await go_on(visitor, second["refresh_token"], agent="browser")) == REFUSED


async def test_a_replay_harms_no_other_session(visitor: Visitor, database_url: str) -> None:
    who = await visitor.sign_up()
    first, other = await visitor.sign_in(who), await visitor.sign_in(who)
    await go_on(visitor, first["refresh_token"])
    await later(database_url, 11)
    await go_on(visitor, first["refresh_token"])

    assert (await go_on(visitor, other["refresh_token"])).is_success


@pytest.mark.parametrize("ending", ["logout", "logout-everywhere"])
async def test_nobody_refreshes_after_a_logout(visitor: Visitor, ending: str) -> None:
    here = await visitor.sign_in(await visitor.sign_up())

    assert (await visitor.post(ending, here["access_token"])).status_code == 204

    for house in visitor.street.of(AUTH):
        assert told(await go_on(visitor, here["refresh_token"], house)) == REFUSED
    await over_everywhere(visitor, here["access_token"])


async def test_nobody_refreshes_a_session_that_was_ended_from_another(visitor: Visitor) -> None:
    who = await visitor.sign_up()
    here, there = await visitor.sign_in(who), await visitor.sign_in(who)
    headers = {"Authorization": f"Bearer {here['access_token']}"}
    listed = await visitor.http.get(f"{visitor.auth}/v1/auth/sessions", headers=headers)
    (other,) = [each["id"] for each in listed.json()["items"] if not each["current"]]

    await visitor.http.delete(f"{visitor.auth}/v1/auth/sessions/{other}", headers=headers)

    assert told(await go_on(visitor, there["refresh_token"])) == REFUSED
    assert (await go_on(visitor, here["refresh_token"])).is_success


async def test_nobody_refreshes_another_session_after_a_new_password(visitor: Visitor) -> None:
    who = await visitor.sign_up()
    here, there = await visitor.sign_in(who), await visitor.sign_in(who)
    change = {"old": who["password"], "new": "quite another pass phrase"}

    assert (await visitor.post("password", here["access_token"], json=change)).status_code == 204

    assert told(await go_on(visitor, there["refresh_token"])) == REFUSED
    await over_everywhere(visitor, there["access_token"])


async def test_a_refresh_that_races_a_logout_leaves_nothing_behind(visitor: Visitor) -> None:
    """Whoever is first: afterwards no token of the session goes on, and none is let in."""
    who = await visitor.sign_up()
    for _ in range(4):
        here = await visitor.sign_in(who)
        refreshed, out = await asyncio.gather(
            go_on(visitor, here["refresh_token"], visitor.street.of(AUTH)[1]),
            visitor.post("logout", here["access_token"]),
        )
        assert out.status_code == 204
        if refreshed.is_success:
            assert told(await go_on(visitor, refreshed.json()["refresh_token"])) == REFUSED
            await over_everywhere(visitor, refreshed.json()["access_token"])


@pytest.mark.parametrize(
    "token",
    ["x" * 43, "' or 1=1 -- and so on", "\u0000" * 30, "../../etc/passwd" * 3, "\U0001f600" * 40],
    ids=["guess", "query", "NUL", "path", "faces"],
)
async def test_nothing_that_was_never_given_goes_on(visitor: Visitor, token: str) -> None:
    for house in visitor.street.of(AUTH):
        assert told(await go_on(visitor, token, house)) == REFUSED


@pytest.mark.parametrize(
    "body", [{}, {"refresh_token": None}, {"refresh_token": ["x" * 43]}, [], "x", 7]
)
async def test_what_is_no_order_is_refused_as_such(visitor: Visitor, body: Any) -> None:
    for service in (AUTH, GATEWAY):
        url = f"{visitor.street.of(service)[0].url}/v1/auth/refresh"
        assert (await visitor.http.post(url, json=body)).status_code == 422


async def test_an_access_token_is_no_refresh_token(visitor: Visitor) -> None:
    here = await visitor.sign_in(await visitor.sign_up())

    assert (await go_on(visitor, here["access_token"])).status_code in {401, 422}
    for house in visitor.street.houses:
        assert (await visitor.ask(house, here["refresh_token"])).status_code == 401


# --- sessions -----------------------------------------------------------------------------------


async def test_nobody_chooses_the_session_they_get(visitor: Visitor) -> None:
    """Fixation: whatever a client brings along, it is given a new session with new tokens."""
    who = await visitor.sign_up()
    planted = await visitor.sign_in(who)
    headers = {
        "Cookie": f"{COOKIE}={planted['refresh_token']}; session=mine; sid=mine",
        "Authorization": f"Bearer {planted['access_token']}",
        "X-Session-Id": "mine",
    }

    given = (await visitor.post("login", json=who, headers=headers)).json()

    assert given["refresh_token"] != planted["refresh_token"]
    await visitor.post("logout", planted["access_token"])
    await over_everywhere(visitor, planted["access_token"])
    assert (await go_on(visitor, given["refresh_token"])).is_success


@pytest.mark.parametrize("extra", ["sid", "session_id", "user_id", "roles", "scope"])
async def test_nobody_says_more_of_themselves_than_they_are_asked(
    visitor: Visitor, extra: str
) -> None:
    who = await visitor.sign_up()
    for service in (AUTH, GATEWAY):
        url = f"{visitor.street.of(service)[0].url}/v1/auth/login"
        answer = await visitor.http.post(url, json={**who, extra: str(new_id())})
        assert answer.status_code == 422


async def test_nobody_ends_or_sees_anothers_session(visitor: Visitor) -> None:
    mine = await visitor.sign_in(await visitor.sign_up())
    theirs = await visitor.sign_in(await visitor.sign_up())

    async def listed(token: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        page = await visitor.http.get(f"{visitor.auth}/v1/auth/sessions", headers=headers)
        return list(page.json()["items"])

    (session,) = await listed(theirs["access_token"])
    for target in (session["id"], str(new_id())):
        answer = await visitor.http.delete(
            f"{visitor.auth}/v1/auth/sessions/{target}",
            headers={"Authorization": f"Bearer {mine['access_token']}"},
        )
        assert told(answer) == (404, "no_such_session")
    assert [each["current"] for each in await listed(mine["access_token"])] == [True]
    assert (await go_on(visitor, theirs["refresh_token"])).is_success


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://evil.example",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "file://",
    ],
)
async def test_no_other_page_turns_the_cookie(visitor: Visitor, origin: str | None) -> None:
    door = visitor.street.of(GATEWAY)[0].url
    who = {**await visitor.sign_up(), "cookie": True}
    signed_in = await visitor.http.post(f"{door}/v1/auth/login", json=who)
    cookie = signed_in.headers["set-cookie"].partition(";")[0]
    visitor.http.cookies.clear()

    async def turn(origin: str | None) -> httpx.Response:
        headers = {"Cookie": cookie, **({"Origin": origin} if origin else {})}
        return await visitor.http.post(f"{door}/v1/auth/refresh", headers=headers)

    assert told(await turn(origin)) == (403, "foreign_page")
    ours = await turn(door)
    assert ours.is_success
    assert "refresh_token" not in {name for name, value in ours.json().items() if value}


async def test_a_cookie_is_for_one_path_for_https_and_for_no_script(visitor: Visitor) -> None:
    door = visitor.street.of(GATEWAY)[0].url
    who = {**await visitor.sign_up(), "cookie": True}

    answer = await visitor.http.post(f"{door}/v1/auth/login", json=who)

    words = {word.strip().lower() for word in answer.headers["set-cookie"].split(";")}
    assert {"secure", "httponly", "samesite=strict", "path=/v1/auth"} <= words
    assert not any(word.startswith("domain=") for word in words)
    assert answer.json()["refresh_token"] is None


# --- logout under load --------------------------------------------------------------------------


@dataclass
class Load:
    """Somebody who asks every replica all the time; when each request began, and who let it in."""

    visitor: Visitor
    token: str
    let_in: list[float] = field(default_factory=list)
    turned_away: int = 0
    other: list[int] = field(default_factory=list)

    async def run(self, until: asyncio.Event) -> None:
        free = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            number = 0
            while not until.is_set():
                await free.acquire()
                houses = self.visitor.street.houses
                group.create_task(self._one(houses[number % len(houses)], free))
                number += 1
                await asyncio.sleep(1 / A_SECOND)

    async def _one(self, house: House, free: asyncio.Semaphore) -> None:
        began = time.monotonic()
        try:
            answer = await self.visitor.ask(house, self.token)
        finally:
            free.release()
        if answer.is_success:
            self.let_in.append(began)
        elif answer.status_code == httpx.codes.UNAUTHORIZED:
            self.turned_away += 1
        else:
            self.other.append(answer.status_code)


async def a_logout(visitor: Visitor, who: dict[str, str], seconds: float) -> float:
    """Seconds from its answer until the last request began that was let in."""
    here, there = await visitor.sign_in(who), await visitor.sign_in(who)
    load, over = Load(visitor, here["access_token"]), asyncio.Event()
    running = asyncio.create_task(load.run(over))
    await asyncio.sleep(0.4)
    out = await visitor.post("logout-everywhere", there["access_token"])
    answered = time.monotonic()
    await asyncio.sleep(seconds)
    over.set()
    await running
    assert out.status_code == 204
    assert load.let_in
    assert load.turned_away
    assert load.other == []
    return max(0.0, max(load.let_in) - answered)


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.deep)])
async def test_a_logout_everywhere_is_heard_everywhere(
    visitor: Visitor, fresh_limits: Callable[[], None], rounds: int
) -> None:
    """Under 100 requests a second over two replicas of each service."""
    who = await visitor.sign_up()
    lags = []
    for _ in range(rounds):
        lags.append(await a_logout(visitor, who, 1.0))
        fresh_limits()

    lags.sort()
    worst_of_99 = lags[min(len(lags) - 1, int(0.99 * len(lags)))]
    figures = {"rounds": rounds, "p50_s": lags[len(lags) // 2], "p99_s": worst_of_99}
    report.write("logout", figures)
    assert worst_of_99 < (BOUND if rounds == 100 else 1.0)


async def test_a_replica_that_is_deaf_asks_and_lets_nobody_in_for_long(visitor: Visitor) -> None:
    """RabbitMQ does not reach the second replicas; they ask every five seconds."""
    here = await visitor.sign_in(await visitor.sign_up())
    for house in visitor.street.houses:
        assert (await visitor.ask(house, here["access_token"])).is_success

    visitor.street.deafen(3 * ASK_SECONDS)
    began = time.monotonic()
    assert (await visitor.post("logout", here["access_token"])).status_code == 204
    for house in visitor.street.houses:
        while (await visitor.ask(house, here["access_token"])).is_success:
            await asyncio.sleep(0.02)

    assert time.monotonic() - began < 2 * ASK_SECONDS
