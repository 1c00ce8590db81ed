"""The ceiling: a worker that has grown too large takes no more, ends in order, is begun anew."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

MEMORY_MIB: Final = 1_024
"""Three times what a worker holds that is busy; the press beside it has its own."""
LOOK_SECONDS: Final = 1.0

Leave = Callable[[int], None]
"""Ends the process as SIGTERM does, with this exit code."""


async def keep_below(most: int, leave: Leave) -> None:
    """Look again and again how much this process holds; leave when that is more than `most` MiB."""
    while True:
        if (held := held_mib()) > most:
            log.critical("memory_ceiling_reached", held_mib=held, most_mib=most)
            leave(os.EX_TEMPFAIL)
        await asyncio.sleep(LOOK_SECONDS)


def held_mib() -> int:
    """What of this process is in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
