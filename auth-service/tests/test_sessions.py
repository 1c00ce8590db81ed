"""A session goes on by tokens that hold once, and its end is the end of all of them (R7.1c)."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from auth_service.revocations import forget
from chassis.identity import Verifier

ADA = {"email": "ada@example.com", "password": "correct horse battery"}
NEW = "an even longer battery"


async def sign_in(door: Any, **more: Any) -> dict[str, Any]:
    await door.client.post("/v1/auth/register", json=ADA)
    answer = await door.client.post("/v1/auth/login", json={**ADA, **more})
    found: dict[str, Any] = answer.json()
    return found


async def go_on(door: Any, token: str, agent: str = "one") -> httpx.Response:
    answer: httpx.Response = await door.client.post(
        "/v1/auth/refresh", json={"refresh_token": token}, headers={"User-Agent": agent}
    )
    return answer


async def ask(door: Any, method: str, path: str, token: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    answer: httpx.Response = await door.client.request(
        method, f"/v1/auth/{path}", headers=headers, **more
    )
    return answer


async def later(database_url: str, seconds: int) -> None:
    """Let what was spent have been spent so long ago."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "update spent_token set spent_at = spent_at - make_interval(secs => $1)", seconds
    )
    await connection.close()


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_session_goes_on_and_says_the_same_of_itself(door: Any) -> None:
    first = await sign_in(door)
    second = await go_on(door, first["refresh_token"])
    third = await go_on(door, second.json()["refresh_token"])

    verifier = Verifier(door.client, "http://auth.test")
    callers = [
        await verifier.verify(each["access_token"]) for each in (first, second.json(), third.json())
    ]
    assert len({(caller.session_id, caller.auth_time) for caller in callers}) == 1
    assert first["refresh_expires_in"] == pytest.approx(30 * 86_400, abs=5)
    assert third.headers["cache-control"] == "no-store"


async def test_of_many_who_refresh_at_once_one_wins_and_nothing_is_alarmed(door: Any) -> None:
    first = await sign_in(door)

    answers = await asyncio.gather(*(go_on(door, first["refresh_token"]) for _ in range(16)))

    won = [answer for answer in answers if answer.is_success]
    raced = [told(answer) for answer in answers if not answer.is_success]
    assert len(won) == 1
    assert raced == [(409, "refresh_raced")] * 15
    assert (await go_on(door, won[0].json()["refresh_token"])).is_success


async def test_a_token_shown_again_later_ends_the_session(door: Any, database_url: str) -> None:
    first = await sign_in(door)
    second = (await go_on(door, first["refresh_token"])).json()
    await later(database_url, 11)

    again = await go_on(door, first["refresh_token"])

    assert told(again) == (401, "invalid_refresh_token")
    assert told(await go_on(door, second["refresh_token"])) == (401, "invalid_refresh_token")
    assert told(await ask(door, "GET", "me", second["access_token"])) == (401, "session_ended")


async def test_another_program_has_no_grace(door: Any) -> None:
    first = await sign_in(door)
    second = (await go_on(door, first["refresh_token"], "one")).json()

    again = await go_on(door, first["refresh_token"], "another")

    assert told(again) == (401, "invalid_refresh_token")
    assert told(await go_on(door, second["refresh_token"])) == (401, "invalid_refresh_token")


async def test_nothing_that_was_never_given_goes_on(door: Any) -> None:
    for token in ("x" * 43, "\u00e9" * 20):
        assert told(await go_on(door, token)) == (401, "invalid_refresh_token")


async def test_only_digests_are_kept(door: Any, database_url: str) -> None:
    first = await sign_in(door)
    await go_on(door, first["refresh_token"])

    connection = await asyncpg.connect(database_url)
    rows = [*await connection.fetch("table session"), *await connection.fetch("table spent_token")]
    await connection.close()
    assert first["refresh_token"].encode() not in str(rows).encode()


async def test_who_signs_out_is_out(door: Any) -> None:
    first, other = await sign_in(door), await sign_in(door)

    out = await ask(door, "POST", "logout", first["access_token"])

    assert out.status_code == 204
    assert told(await go_on(door, first["refresh_token"])) == (401, "invalid_refresh_token")
    assert told(await ask(door, "POST", "logout", first["access_token"])) == (401, "session_ended")
    assert (await ask(door, "GET", "me", other["access_token"])).is_success


async def test_out_everywhere_is_everywhere_and_nobody_elses_business(door: Any) -> None:
    mine = [await sign_in(door) for _ in range(3)]
    eve = {"email": "eve@example.com", "password": "another long pass phrase"}
    await door.client.post("/v1/auth/register", json=eve)
    eves = (await door.client.post("/v1/auth/login", json=eve)).json()

    out = await ask(door, "POST", "logout-everywhere", mine[0]["access_token"])

    statuses = [(await ask(door, "GET", "me", each["access_token"])).status_code for each in mine]
    assert (out.status_code, statuses) == (204, [401] * 3)
    assert (await ask(door, "GET", "me", eves["access_token"])).is_success


async def test_a_user_sees_their_sessions_and_ends_one(door: Any) -> None:
    here, there = await sign_in(door), await sign_in(door)
    stranger = await door.sign_up_and_in("eve@example.com")
    await go_on(door, there["refresh_token"], "a\x7fphone")

    listed = (await ask(door, "GET", "sessions", here["access_token"])).json()["items"]
    (other,) = [each for each in listed if not each["current"]]
    foreign = await ask(door, "DELETE", f"sessions/{other['id']}", stranger)
    ended = await ask(door, "DELETE", f"sessions/{other['id']}", here["access_token"])
    again = await ask(door, "DELETE", f"sessions/{other['id']}", here["access_token"])

    assert len(listed) == 2
    assert told(foreign) == told(again) == (404, "no_such_session")
    assert ended.status_code == 204
    assert (await ask(door, "GET", "me", here["access_token"])).is_success
    assert told(await ask(door, "GET", "me", there["access_token"])) == (401, "session_ended")


async def test_a_new_password_ends_every_other_session(door: Any) -> None:
    here, there = await sign_in(door), await sign_in(door)
    change = {"old": ADA["password"], "new": NEW}

    wrong = await ask(
        door, "POST", "password", here["access_token"], json={**change, "old": "y" * 15}
    )
    done = await ask(door, "POST", "password", here["access_token"], json=change)

    assert told(wrong) == (401, "wrong_credentials")
    assert done.status_code == 204
    assert (await go_on(door, here["refresh_token"])).is_success
    assert told(await go_on(door, there["refresh_token"])) == (401, "invalid_refresh_token")
    assert told(await door.client.post("/v1/auth/login", json=ADA)) == (401, "wrong_credentials")
    assert (
        await door.client.post("/v1/auth/login", json={**ADA, "password": NEW})
    ).status_code == 200


async def test_who_proved_the_old_password_too_late_is_not_let_in(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password changes between the check and the session: no session begins."""
    here = await sign_in(door)
    passwords = door.app.state.desk.passwords
    match = passwords.match

    async def slowly(password: str, kept: str | None) -> bool:
        found: bool = await match(password, kept)
        monkeypatch.setattr(passwords, "match", match)
        change = {"old": ADA["password"], "new": NEW}
        assert (
            await ask(door, "POST", "password", here["access_token"], json=change)
        ).status_code == 204
        return found

    monkeypatch.setattr(passwords, "match", slowly)
    late = await door.client.post("/v1/auth/login", json=ADA)

    assert told(late) == (401, "wrong_credentials")
    assert len((await ask(door, "GET", "sessions", here["access_token"])).json()["items"]) == 1


async def test_an_account_that_is_deleted_is_gone_with_all_it_had(
    door: Any, database_url: str
) -> None:
    here, there = await sign_in(door), await sign_in(door)
    await go_on(door, there["refresh_token"])

    wrong = await ask(
        door, "POST", "delete-account", here["access_token"], json={"password": "y" * 15}
    )
    gone = await ask(
        door, "POST", "delete-account", here["access_token"], json={"password": ADA["password"]}
    )

    connection = await asyncpg.connect(database_url)
    said = await connection.fetch("select name from outbox order by id")
    left = await connection.fetchrow(
        "select (select count(*) from account), (select count(*) from session),"
        " (select count(*) from spent_token)"
    )
    await connection.close()
    assert (told(wrong), gone.status_code) == ((401, "wrong_credentials"), 204)
    assert [row["name"] for row in said] == ["auth.session.revoked.v1"] * 2 + [
        "auth.user.deleted.v1"
    ]
    assert tuple(left) == (0, 0, 0)
    assert told(await ask(door, "GET", "me", there["access_token"])) == (401, "session_ended")
    assert told(await door.client.post("/v1/auth/login", json=ADA)) == (401, "wrong_credentials")
    assert (await door.client.post("/v1/auth/register", json=ADA)).status_code == 202


async def test_what_is_not_kept_for_ever_is_forgotten(door: Any, database_url: str) -> None:
    first = await sign_in(door)
    await ask(door, "POST", "logout", first["access_token"])
    connection = await asyncpg.connect(database_url)
    await connection.execute("update session set ended_at = now() - interval '31 days'")
    await connection.execute("update revocation set at = now() - interval '2 hours'")

    async with door.app.state.desk.database.transaction() as session:
        await forget(session)

    left = await connection.fetchval(
        "select (select count(*) from session) + (select count(*) from revocation)"
    )
    await connection.close()
    assert left == 0
