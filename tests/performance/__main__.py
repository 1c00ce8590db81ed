"""`python -m tests.performance NAME`: measures, prints one line of JSON, and writes the report."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from tests import report

from . import crew, fair, fanout, parked, saga, sockets
from .arena import Arena

BENCHES: Final[dict[str, Callable[[Arena], Awaitable[dict[str, Any]]]]] = {
    "saga": lambda arena: saga.bench(arena, saga.Size()),
    "fair": fair.bench,
    "crew": lambda arena: crew.bench(arena, crew.Size()),
    "fanout": lambda arena: fanout.bench(arena, fanout.scale_asked_for()),
    "parked": lambda arena: parked.bench(arena, parked.scale_asked_for()),
    "sockets": lambda arena: sockets.bench(arena, sockets.scale_asked_for()),
}


async def _measured(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Arena.open(Path(folder)) as arena:
            return await BENCHES[name](arena)


def main() -> int:
    """Measure what is named; without a name of ours, list them."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in BENCHES:
        sys.stderr.write(f"make bench NAME=... with one of: {', '.join(BENCHES)}\n")
        return 2
    facts = report.write(f"bench-{name}", asyncio.run(_measured(name)))
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
