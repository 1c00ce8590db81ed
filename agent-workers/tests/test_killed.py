"""A worker is killed at every point of a call: what was kept is never paid for again (R3.2c).

The worker is a process of its own with the real door; it dies between two lines, by SIGKILL.
"""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from chassis.database import Pool

from .conftest import Workers
from .house import KEY, STEP, House


@pytest.fixture
def order(llmock: Any, house: House, database_url: str, tmp_path: Path) -> dict[str, Any]:
    """One question; a dead worker's claim is anybody's a moment later."""
    table = tmp_path / "models.toml"
    table.write_text(
        f'[providers.openai]\nbase_url = "{llmock.base_url("openai")}"\nkey = "{KEY}"\n'
        '[chains]\ndefault = ["openai/gpt-4o-mini"]\n'
    )
    ask = (str(STEP.user_id), str(STEP.journal_id), STEP.part)
    return {"database": database_url, "table": str(table), "asks": [ask], "lease": 0.5}


@pytest.mark.parametrize(
    ("point", "requests", "lost"),
    [("claimed", 1, 1), ("streaming", 2, 1), ("replied", 2, 1), ("kept", 1, 0)],
    ids=["before the call", "mid-stream", "before it is kept", "before the ack"],
)
async def test_a_killed_worker_pays_again_only_for_what_was_not_kept(
    point: str,
    requests: int,
    lost: int,
    order: dict[str, Any],
    workers: Workers,
    pool: Pool,
    llmock: Any,
) -> None:
    died, _ = await asyncio.to_thread(workers.ask, {**order, "die_at": point})
    assert died == -signal.SIGKILL

    ended, said = await asyncio.to_thread(workers.ask, order)

    assert (ended, said[-1]) == (0, '["answered"]')
    assert len(llmock.requests) == requests
    [claim] = await pool.fetch("select * from paid_call")
    assert claim["lost"] == lost
    assert claim["reply"] is not None
    written = await pool.fetch("select outcome, code, tokens_in, cost from attempt order by at")
    assert [row["outcome"] for row in written] == ["failed"] * lost + ["answered"]
    if lost:
        assert written[0]["code"] == "lost"
        assert written[0]["cost"] > 0
