"""Keys come and go, and nobody is signed out by it but by a key that leaked (R7.1a)."""

import base64
import json
from typing import Any

import asyncpg
import pytest

from auth_service import commands
from auth_service.keys import Keys, KeyTooNew, NoSuchKey
from chassis.database import Database
from chassis.errors import Unauthorized
from chassis.identity import Verifier, new_key

from .test_sessions import ask, sign_in


class Smith:
    """Whoever turns the ring on the server."""

    def __init__(self, door: Any, database: Database, url: str) -> None:
        self.door, self._database, self._url = door, database, url
        self.keys = door.app.state.desk.keys

    async def rotate(self) -> None:
        await commands.rotate(self._database, self.keys)

    async def revoke(self, kid: str) -> None:
        await commands.revoke(self._database, self.keys, kid)

    async def later(self, seconds: int) -> None:
        connection = await asyncpg.connect(self._url)
        await connection.execute(
            "update signing_key set made_at = made_at - make_interval(secs => $1),"
            " retired_at = retired_at - make_interval(secs => $1)",
            seconds,
        )
        await connection.close()

    async def published(self) -> list[str]:
        answer = await self.door.client.get("/.well-known/jwks.json")
        return [key["kid"] for key in answer.json()["keys"]]

    async def signed_by(self) -> str:
        token = (await sign_in(self.door))["access_token"]
        words = token.partition(".")[0]
        return str(json.loads(base64.urlsafe_b64decode(words + "=="))["kid"])


@pytest.fixture
async def smith(door: Any, database_url: str) -> Any:
    async with Database.open(database_url) as database:
        yield Smith(door, database, database_url)


async def test_the_next_key_is_published_before_it_signs(smith: Any) -> None:
    current, following = await smith.published()

    assert (await smith.signed_by(), current) == ("signing-1", "signing-1")
    with pytest.raises(KeyTooNew):
        await smith.rotate()
    await smith.later(121)
    await smith.rotate()

    published = await smith.published()
    assert await smith.signed_by() == following
    assert published[:2] == [following, "signing-1"]
    assert len(published) == 3


async def test_a_token_of_the_key_before_holds_as_long_as_it_can(smith: Any) -> None:
    token = (await sign_in(smith.door))["access_token"]
    await smith.later(121)
    await smith.rotate()
    verifier = Verifier(smith.door.client, "http://auth.test")

    assert await verifier.verify(token)
    await smith.later(700)

    assert "signing-1" not in await smith.published()


async def test_what_a_revoked_key_signed_holds_nowhere_and_the_next_one_signs(smith: Any) -> None:
    token = (await sign_in(smith.door))["access_token"]
    _, following = await smith.published()

    await smith.revoke("signing-1")

    names = await smith.published()
    verifier: Verifier = smith.door.app.state.verifier
    verifier.keep_keys(names)
    assert "signing-1" not in names
    assert (await ask(smith.door, "GET", "me", token)).status_code == 401
    assert await smith.signed_by() == following
    with pytest.raises(NoSuchKey):
        await smith.revoke("signing-1")
    with pytest.raises(Unauthorized):
        await Verifier(smith.door.client, "http://auth.test").verify(token)


async def test_at_rest_a_key_is_sealed_and_another_secret_opens_none(
    smith: Any, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("select sealed from signing_key")
    await connection.close()
    secret = smith.door.signing_key.as_dict(private=True)["d"].encode()
    stranger = Keys(json.dumps(new_key("signing-2").as_dict(private=True)))

    async with Database.open(database_url) as database, database.transaction() as session:
        seen = await stranger.ring(session)
        ring = await stranger.begin(session)
        former = await smith.keys.ring(session)

    assert not any(secret in row["sealed"] for row in rows)
    assert (seen, former) == (None, None)
    assert ring.current.kid == "signing-2"
    assert "signing-1" not in ring.names
