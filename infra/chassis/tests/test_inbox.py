"""What was handled before is known, but only once it was committed."""

from chassis.database import Database
from chassis.ids import new_id
from chassis.inbox import first_time


async def test_the_second_time_is_not_the_first(database: Database) -> None:
    message_id = new_id()

    async with database.transaction() as session:
        first = await first_time(session, message_id)
    async with database.transaction() as session:
        second = await first_time(session, message_id)
        other = await first_time(session, new_id())

    assert (first, second, other) == (True, False, True)


async def test_what_was_rolled_back_was_never_handled(database: Database) -> None:
    message_id = new_id()

    async with database.transaction() as session:
        await first_time(session, message_id)
        await session.rollback()
    async with database.transaction() as session:
        again = await first_time(session, message_id)

    assert again
