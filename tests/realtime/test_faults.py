"""Gateways die under their sockets, and nobody misses anything (R2.1c, R2.1d, R9.1d): small size.

`make realtime-faults` is the same with a thousand sockets, a restart of RabbitMQ and longer.
"""

from pathlib import Path

import pytest

from journalcraft.servers import Servers

from .run import Size, run

SMALL = Size(
    users=10,
    kills=2,
    every=1.0,
    rate=40,
    heartbeat=1.0,
    strikes={
        "stampers killed before telling": 1,
        "redis emptied": 1,
        "one in twenty lost, doubled or late": 2.0,
    },
)


@pytest.mark.deep
@pytest.mark.timeout(400)
async def test_nothing_is_lost_whatever_is_killed(tmp_path: Path, servers: Servers) -> None:
    facts = await run(SMALL, tmp_path, servers)

    assert {word: facts[word] for word in ("lost", "duplicate", "reordered")} == {
        "lost": 0,
        "duplicate": 0,
        "reordered": 0,
    }
    assert (facts["partial_replays"], facts["recovered"]) == (0, 1)
    assert facts["phases"]["gateways killed"]["recovered"] > 0
