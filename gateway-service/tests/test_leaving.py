"""Before a gateway leaves all are told when to come back, and not all at once (R2.1c, R8.2c)."""

import contextlib

from gateway_service.leaving import SPREAD_MS

from .conftest import PlayedOwners, gateway, signed_in


async def test_everybody_is_told_goodbye_and_comes_back_spread(
    redis_url: str, amqp_url: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        stage = await stack.enter_async_context(gateway(PlayedOwners(), redis_url, amqp_url))
        client = await stack.enter_async_context(signed_in(stage))
        talks = [await stack.enter_async_context(client.socket()) for _ in range(5)]
        for talk in talks:
            assert (await talk.next())["t"] == "welcome"
            assert (await talk.next())["t"] == "snapshot"

        await stage.app.state.farewell()
        byes = [await talk.next() for talk in talks]
        codes = [await talk.close_code() for talk in talks]

    assert {(bye["t"], bye["code"], bye["reconnect"]) for bye in byes} == {("bye", 1012, True)}
    assert len({bye["afterMs"] for bye in byes}) > 1
    assert all(SPREAD_MS[0] <= bye["afterMs"] <= SPREAD_MS[1] for bye in byes)
    assert codes == [1012] * 5
