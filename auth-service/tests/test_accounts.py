"""Signing up, signing in, and being told who one is."""

import asyncio
from typing import Any

ADA = {"email": "Ada@Example.com", "password": "correct horse battery"}


async def test_whoever_signs_up_can_sign_in_and_is_known(door: Any) -> None:
    opened = await door.client.post("/v1/auth/register", json=ADA)
    token = (await door.client.post("/v1/auth/login", json=ADA)).json()

    me = await door.client.get("/v1/auth/me", headers=bearer(token["access_token"]))

    assert (opened.status_code, opened.json()) == (202, {"email": ADA["email"]})
    assert set(me.json()) == {"id", "email", "created_at", "verified"}
    assert (me.json()["email"], me.json()["verified"]) == (ADA["email"], False)
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 600)


async def test_an_address_has_one_account_whatever_its_case(door: Any) -> None:
    await door.client.post("/v1/auth/register", json=ADA)

    again = await door.client.post("/v1/auth/register", json={**ADA, "email": "ada@EXAMPLE.com"})
    signed_in = await door.client.post("/v1/auth/login", json={**ADA, "email": "ada@example.com"})

    other = {"email": "ada@EXAMPLE.com", "password": "incorrect horse battery"}
    await door.client.post("/v1/auth/register", json=other)
    refused = await door.client.post("/v1/auth/login", json=other)

    assert again.status_code == 202
    assert (signed_in.status_code, refused.status_code) == (200, 401)


async def test_of_many_who_want_an_address_at_once_one_gets_it(door: Any) -> None:
    """Nobody is told who: each may try the password they chose."""
    many = [{**ADA, "password": f"a long pass phrase {number}"} for number in range(8)]

    opened = [door.client.post("/v1/auth/register", json=each) for each in many]
    answers = [answer.status_code for answer in await asyncio.gather(*opened)]
    tried = [await door.client.post("/v1/auth/login", json=each) for each in many]

    assert answers == [202] * 8
    assert sorted(answer.status_code for answer in tried) == [200] + [401] * 7


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(door: Any) -> None:
    await door.client.post("/v1/auth/register", json=ADA)
    wrong = {**ADA, "password": "incorrect horse battery"}

    answers = [
        await door.client.post("/v1/auth/login", json=wrong),
        await door.client.post("/v1/auth/login", json={**wrong, "email": "eve@example.com"}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json()["code"] == "wrong_credentials"
    assert without_trace(answers[0].json()) == without_trace(answers[1].json())


async def test_a_password_may_be_typed_in_another_unicode_form(door: Any) -> None:
    composed, decomposed = "caf\u00e9 au lait, deux", "cafe\u0301 au lait, deux"
    await door.client.post("/v1/auth/register", json={**ADA, "password": composed})

    answer = await door.client.post("/v1/auth/login", json={**ADA, "password": decomposed})

    assert answer.status_code == 200


async def test_what_does_not_fit_is_refused_and_never_repeated(door: Any) -> None:
    for unfit in (
        {**ADA, "password": "short"},
        {**ADA, "password": "x" * 257},
        {**ADA, "password": "\ufdfa" * 20},
        {**ADA, "email": "nobody"},
        {**ADA, "email": "a\u0000b@example.com"},
        {**ADA, "role": "admin"},
        {"email": "ada@example.com"},
    ):
        answer = await door.client.post("/v1/auth/register", json=unfit)

        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert not any(value in answer.text for value in unfit.values() if len(value) > 5)


async def test_an_address_that_no_database_can_hold_is_only_wrong_at_the_door(door: Any) -> None:
    answer = await door.client.post("/v1/auth/login", json={**ADA, "email": "a\0b@example.com"})

    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")


async def test_nobody_is_known_without_a_token(door: Any) -> None:
    answer = await door.client.get("/v1/auth/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_it_is_ready_when_its_database_is(door: Any) -> None:
    answer = await door.client.get("/readyz")

    assert answer.json() == {"database": "ready"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def without_trace(problem: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in problem.items() if key != "trace_id"}
