"""A client may say a thousand words at once, and fifty a second after that (R7.2b)."""

import json
from typing import Any

import pytest

from gateway_service.ends import Ended
from gateway_service.pace import AT_ONCE, WORDS_A_SECOND, Pace


def test_a_bucket_of_words_fills_again() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for _ in range(AT_ONCE):
        pace.take()

    with pytest.raises(Ended) as ended:
        pace.take()
    now = 2 / WORDS_A_SECOND
    pace.take()

    assert ended.value.why.code == 4429
    assert ended.value.why.after_ms > 0


async def test_who_talks_without_end_is_sent_away_for_a_while(client: Any) -> None:
    async with client.socket() as talk:
        await talk.next()
        await talk.say(json.dumps([{"t": "pong"}] * (AT_ONCE + 100)))

        assert await talk.close_code() == 4429
