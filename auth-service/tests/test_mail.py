"""Whose an address is, a forgotten password, another address: by letter, and nobody is told who
has an account (R7.1b, R7.2b)."""

import asyncio
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from .test_accounts import bearer
from .test_second_factors import Authenticator
from .test_sessions import ask, sign_in

ADA = {"email": "ada@example.com", "password": "correct horse battery"}
NEW = "another long pass phrase"
LINK = re.compile(r"(\S+)/letter#(\w+)=([\w-]{43})\n")


class Letterbox:
    """The letters that were kept, oldest first."""

    def __init__(self, door: Any) -> None:
        self._folder: Path = door.state / "mails"

    async def letters(self, count: int) -> list[EmailMessage]:
        async with asyncio.timeout(20):
            while len(files := sorted(self._folder.glob("*.eml"))) < count:
                await asyncio.sleep(0.02)
        assert len(files) == count
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    async def token(self, count: int) -> str:
        """What the last of so many letters offers."""
        return offer_of((await self.letters(count))[-1])[2]


def offer_of(letter: EmailMessage) -> tuple[str, str, str]:
    """Where its link leads, for what, and with what token."""
    found = LINK.search(letter.get_content())
    assert found
    return found[1], found[2], found[3]


@pytest.fixture
def letterbox(door: Any) -> Letterbox:
    return Letterbox(door)


async def post(door: Any, path: str, **body: str) -> Any:
    return await door.client.post(f"/v1/auth/{path}", json=body)


async def test_an_address_is_verified_by_its_letter_and_the_password(
    door: Any, letterbox: Letterbox
) -> None:
    """The password keeps whoever only reads the mail from verifying somebody else's account."""
    access = await door.sign_up_and_in()
    [letter] = await letterbox.letters(1)
    where, purpose, token = offer_of(letter)

    wrong = await post(door, "verify", token=token, password="not the password")
    right = await post(door, "verify", token=token, password=ADA["password"])
    again = await post(door, "verify", token=token, password=ADA["password"])

    me = (await door.client.get("/v1/auth/me", headers=bearer(access))).json()
    assert (letter["To"], where, purpose) == (ADA["email"], "https://journal.test", "verify")
    assert [answer.status_code for answer in (wrong, right, again)] == [401, 204, 410]
    assert me["verified"] is True


async def test_the_letter_may_be_wanted_again_but_not_endlessly(
    door: Any, letterbox: Letterbox
) -> None:
    headers = bearer(await door.sign_up_and_in())
    for _ in range(4):
        answer = await door.client.post(
            "/v1/auth/verify/again", json={"password": ADA["password"]}, headers=headers
        )
        assert answer.status_code == 202

    token = await letterbox.token(3)
    assert (await post(door, "verify", token=token, password=ADA["password"])).is_success


async def test_a_forgotten_password_is_replaced_and_everybody_is_signed_out(
    door: Any, letterbox: Letterbox
) -> None:
    access = await door.sign_up_and_in()
    await letterbox.letters(1)
    await post(door, "forgot", email="ADA@example.com")
    token = await letterbox.token(2)

    unfit = await post(door, "reset", token=token, new="aaaaaaaaaaaaaaaa")
    done = await post(door, "reset", token=token, new=NEW)

    assert (unfit.status_code, done.status_code) == (422, 204)
    assert (await door.client.get("/v1/auth/me", headers=bearer(access))).status_code == 401
    assert (await post(door, "login", **ADA)).status_code == 401
    assert (await post(door, "login", email=ADA["email"], password=NEW)).status_code == 200
    assert "changed" in (await letterbox.letters(3))[-1]["Subject"]


async def test_of_many_who_use_a_token_at_once_one_does(door: Any, letterbox: Letterbox) -> None:
    await door.sign_up_and_in()
    await letterbox.letters(1)
    await post(door, "forgot", email=ADA["email"])
    token = await letterbox.token(2)

    asked = [post(door, "reset", token=token, new=f"{NEW} {number}") for number in range(16)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*asked))

    assert statuses == [204] + [410] * 15


async def test_a_token_opens_only_what_it_is_for(door: Any, letterbox: Letterbox) -> None:
    await door.sign_up_and_in()
    verify = await letterbox.token(1)
    await post(door, "forgot", email=ADA["email"])
    reset = await letterbox.token(2)

    proof = {"password": ADA["password"]}
    wrong = [
        await post(door, "reset", token=verify, new=NEW),
        await post(door, "verify", token=reset, **proof),
        await post(door, "mail/confirm", token=reset, **proof),
        await post(door, "mail/confirm", token=verify, **proof),
        await post(door, "reset", token="A" * 43, new=NEW),
    ]

    assert {answer.status_code for answer in wrong} == {410}
    assert {answer.json()["code"] for answer in wrong} == {"mail_token_void"}
    assert (await post(door, "verify", token=verify, **proof)).status_code == 204


async def test_what_was_replaced_by_something_newer_holds_no_more(
    door: Any, letterbox: Letterbox
) -> None:
    """A password that was changed, or reset, makes older letters void."""
    headers = bearer(await door.sign_up_and_in())
    await letterbox.letters(1)
    await post(door, "forgot", email=ADA["email"])
    token = await letterbox.token(2)
    change = {"old": ADA["password"], "new": NEW}
    await door.client.post("/v1/auth/password", json=change, headers=headers)

    assert (await post(door, "reset", token=token, new=ADA["password"])).status_code == 410


async def test_a_token_that_is_too_old_holds_no_more(
    door: Any, letterbox: Letterbox, database_url: str
) -> None:
    await door.sign_up_and_in()
    token = await letterbox.token(1)
    connection = await asyncpg.connect(database_url)
    await connection.execute("update mail_token set expires_at = now()")
    kept = await connection.fetchval("select digest from mail_token")
    await connection.close()

    assert (await post(door, "verify", token=token, password=NEW)).status_code == 410
    assert token.encode() not in kept


async def test_no_answer_says_whether_there_is_an_account(door: Any, letterbox: Letterbox) -> None:
    await door.sign_up_and_in()
    headers = bearer(await door.sign_up_and_in("eve@example.com"))
    await letterbox.letters(2)

    def told(answer: Any) -> tuple[int, str, set[str]]:
        return answer.status_code, answer.text.replace("nobody", "ada"), set(answer.headers)

    for path, more in (
        ("register", {"password": NEW}),
        ("forgot", {}),
        ("mail", {"password": ADA["password"]}),
    ):
        answers = [
            await door.client.post(
                f"/v1/auth/{path}", json={"email": f"{who}@example.com", **more}, headers=headers
            )
            for who in ("ada", "nobody")
        ]
        assert told(answers[0]) == told(answers[1])
        assert answers[0].status_code == 202


async def test_the_owner_of_an_address_is_told_that_somebody_wants_it(
    door: Any, letterbox: Letterbox
) -> None:
    await door.sign_up_and_in()
    await letterbox.letters(1)

    await post(door, "register", email=ADA["email"], password=NEW)

    letter = (await letterbox.letters(2))[-1]
    _, purpose, token = offer_of(letter)
    assert (letter["To"], letter["Subject"]) == (ADA["email"], "You have an account already")
    assert purpose == "reset"
    assert (await post(door, "login", email=ADA["email"], password=NEW)).status_code == 401
    assert (await post(door, "reset", token=token, new=NEW)).status_code == 204


async def test_nobody_is_buried_in_letters(door: Any, letterbox: Letterbox) -> None:
    await door.sign_up_and_in()
    for _ in range(6):
        await post(door, "forgot", email=ADA["email"])
        await post(door, "register", email=ADA["email"], password=NEW)
    await post(door, "register", email="last@example.com", password=NEW)

    letters = await letterbox.letters(5)  # to verify, three to reset, and the last one's
    assert letters[-1]["To"] == "last@example.com"


async def test_links_lead_where_the_settings_say(door: Any, letterbox: Letterbox) -> None:
    await door.sign_up_and_in()
    foreign = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil"}
    await door.client.post(
        "/v1/auth/forgot",
        json={"email": ADA["email"]},
        headers={**foreign, "Origin": "https://evil.example", "Referer": "https://evil.example"},
    )

    letter = (await letterbox.letters(2))[-1]
    assert "evil" not in letter.as_string()
    assert offer_of(letter)[0] == "https://journal.test"


async def test_an_account_moves_to_an_address_whose_mail_is_read(
    door: Any, letterbox: Letterbox
) -> None:
    headers = bearer(await door.sign_up_and_in())
    await letterbox.letters(1)
    order = {"password": ADA["password"], "email": "lovelace@example.com"}
    await door.client.post("/v1/auth/mail", json=order, headers=headers)
    letter = (await letterbox.letters(2))[-1]
    before = (await door.client.get("/v1/auth/me", headers=headers)).json()

    proof = {"token": offer_of(letter)[2], "password": ADA["password"]}
    moved = await post(door, "mail/confirm", **proof)

    me = (await door.client.get("/v1/auth/me", headers=headers)).json()
    news = (await letterbox.letters(3))[-1]
    assert (letter["To"], moved.status_code) == ("lovelace@example.com", 204)
    assert (before["email"], me["email"], me["verified"]) == (ADA["email"], order["email"], True)
    assert news["To"] == ADA["email"]
    assert (await post(door, "login", **ADA)).status_code == 401


async def test_an_address_that_was_taken_meanwhile_is_not_moved_to(
    door: Any, letterbox: Letterbox
) -> None:
    headers = bearer(await door.sign_up_and_in())
    await letterbox.letters(1)
    order = {"password": ADA["password"], "email": "lovelace@example.com"}
    await door.client.post("/v1/auth/mail", json=order, headers=headers)
    token = await letterbox.token(2)
    await post(door, "register", email=order["email"], password=NEW)

    answer = await post(door, "mail/confirm", token=token, password=ADA["password"])

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_another_address_is_not_ordered_without_the_password(door: Any) -> None:
    access = await door.sign_up_and_in()
    order = {"password": NEW, "email": "eve@example.com"}

    wrong = await door.client.post("/v1/auth/mail", json=order, headers=bearer(access))
    unsigned = await door.client.post("/v1/auth/mail", json={**order, "password": ADA["password"]})

    assert (wrong.status_code, unsigned.status_code) == (401, 401)


async def test_who_opened_an_account_with_anothers_address_is_left_with_nothing(
    door: Any, letterbox: Letterbox
) -> None:
    """Neither the password nor the authenticator: the address was never theirs."""
    thief = await sign_in(door)
    await Authenticator(door, thief["access_token"]).set_up()
    await letterbox.letters(1)
    await post(door, "forgot", email=ADA["email"])

    await post(door, "reset", token=await letterbox.token(2), new=NEW)

    mine = await post(door, "login", email=ADA["email"], password=NEW)
    assert mine.status_code == 200
    assert (await ask(door, "GET", "me", thief["access_token"])).status_code == 401


async def test_a_reset_is_no_way_around_the_second_factor(door: Any, letterbox: Letterbox) -> None:
    access = (await sign_in(door))["access_token"]
    verify = await letterbox.token(1)
    await post(door, "verify", token=verify, password=ADA["password"])
    await Authenticator(door, access).set_up()
    await post(door, "forgot", email=ADA["email"])

    await post(door, "reset", token=await letterbox.token(2), new=NEW)

    answer = await post(door, "login", email=ADA["email"], password=NEW)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_needed")
