"""After a run: what was seen is put beside what is stored, and every invariant is asked."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from .crowd import Crowd
from .ears import Ears
from .stage import Stage

SQL: Final = Path(__file__).with_name("invariants.sql")
SEEN: Final = {
    "ordered": "journal_id uuid",
    "heard": "journal_id uuid, n integer, name text",
    "accepted": "journal_id uuid, question text, rev integer",
    "paid": "journal_id uuid, phase text, part text, reply text",
    "made": "step text, times integer",
    "lost": "times bigint",
    "file": "key text",
}
EXAMPLES: Final = 5


def invariants() -> dict[str, str]:
    """The queries by name."""
    parts = re.split(r"^-- name: (\w+)\n", SQL.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


async def judge(stage: Stage, crowd: Crowd, ears: Ears) -> tuple[dict[str, int], int, list[str]]:
    """Rows that break each promise, calls possibly charged twice, and examples for people."""
    workers = await asyncpg.connect(stage.workers_database)
    paid = await workers.fetch("select journal_id, phase, part, reply from paid_call")
    lost = await workers.fetchval("select coalesce(sum(lost), 0) from paid_call")
    await workers.close()
    blobs = stage.folder / "blobs"
    files = (str(path.relative_to(blobs)) for path in blobs.rglob("*.json"))
    calls = Counter(stage.calls.read_text().splitlines())
    seen: dict[str, Iterable[Sequence[Any]]] = {
        "ordered": ((journal,) for journal in crowd.ordered),
        "heard": ears.heard,
        "accepted": crowd.accepted,
        "paid": (tuple(row) for row in paid),
        "made": calls.items(),
        "lost": [(lost,)],
        "file": ((key,) for key in files),
    }
    connection = await asyncpg.connect(stage.database)
    violations, examples = {"told_wrongly": len(crowd.wrong)}, list(crowd.wrong[:EXAMPLES])
    try:
        for table, columns in SEEN.items():
            await connection.execute(f"create temporary table {table} ({columns})")
            await connection.copy_records_to_table(table, records=list(seen[table]))
        await connection.execute("create index on heard (journal_id, n)")
        await connection.execute("create index on paid (journal_id)")
        await connection.execute("create index on file (key); analyze")
        for name, query in invariants().items():
            rows = await connection.fetch(query, timeout=120)
            violations[name] = len(rows)
            examples += [f"{name}: {tuple(row)}" for row in rows[:EXAMPLES]]
    finally:
        await connection.close()
    return violations, int(lost), examples
