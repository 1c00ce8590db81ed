"""`make realtime-faults`: a thousand sockets on three gateways, killed one after the other.

Then everything else strikes: RabbitMQ restarts, stampers die between appending and telling, two
share the work of three, Redis is emptied, the last hop loses, doubles and delays. The report is
`out/reports/realtime-faults.json`; the exit code is 1 if anything was lost, came twice or out of
order, or if somebody did not recover. SCALE shrinks it for a quick look.
"""

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import uvloop

from journalcraft.servers import start_servers
from tests import report

from .run import Size, run


def main() -> int:
    """Run, report, judge."""
    scale = float(os.environ.get("SCALE", "1"))
    size = Size()
    size = replace(
        size, users=int(size.users * scale), kills=max(3, int(size.kills * min(scale, 1)))
    )
    folder = Path(tempfile.mkdtemp(prefix="realtime-"))
    sys.stderr.write(f"logs are in {folder}\n")
    with (
        start_servers(folder / "servers", durable=False) as servers,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        facts = report.write("realtime-faults", runner.run(run(size, folder, servers)))
    sys.stdout.write(json.dumps(facts) + "\n")
    broken = any(facts[word] for word in ("lost", "duplicate", "reordered", "partial_replays"))
    return 1 if broken or facts["recovered"] < 1 else 0


if __name__ == "__main__":
    sys.exit(main())
