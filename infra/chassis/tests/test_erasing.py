"""A deletion is heard again until nothing is left of its user, and only then confirmed (R7.1)."""

import asyncio
from uuid import UUID

import pytest
from faststream.rabbit import RabbitBroker

from chassis.broker import connect, hear, open_broker, say
from chassis.erasing import hear_deletions
from chassis.ids import new_id, now
from journal_contracts.catalogue import AUTH, MEDIA
from journal_contracts.events import UserDeleted, UserErased

from .test_broker import PATIENCE


@pytest.fixture
def broker(amqp_url: str) -> RabbitBroker:
    return connect(MEDIA, amqp_url)


async def test_what_breaks_off_is_heard_again_and_confirmed_only_when_it_is_done(
    broker: RabbitBroker,
) -> None:
    tries: list[UUID] = []
    confirmed: asyncio.Queue[UserErased] = asyncio.Queue()

    gone = UserDeleted(user_id=new_id(), at=now(), round=2)

    async def note(erased: UserErased) -> None:
        if erased.user_id == gone.user_id:  # others may be under way from tests before
            await confirmed.put(erased)

    async def erase(user_id: UUID) -> None:
        if user_id != gone.user_id:
            return
        tries.append(user_id)
        if len(tries) == 1:
            raise ConnectionError("the store is away")
        assert confirmed.empty()

    hear_deletions(broker, MEDIA, erase)
    hear(broker, AUTH, UserErased, note)
    async with open_broker(broker):
        await say(broker, gone)
        erased = await asyncio.wait_for(confirmed.get(), PATIENCE)

    assert tries == [gone.user_id] * 2
    assert (erased.user_id, erased.service, erased.round) == (gone.user_id, MEDIA, 2)
