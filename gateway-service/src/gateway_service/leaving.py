"""Leaving: all clients are told goodbye, and when to come back, before anything closes.

They come back to other replicas: spread, so that those are not overrun.
"""

import asyncio
import contextlib
import random
from typing import Final

from gateway_service.connection import End
from gateway_service.connections import ConnectionManager

DEPLOY: Final = 1012
SPREAD_MS: Final = (200, 10_000)
PATIENCE: Final = 5.0
"""For slow readers; then they are hung up on."""


async def say_goodbye(connections: ConnectionManager) -> None:
    """Return when everybody has gone, or at the end of our patience."""
    connections.end_all(lambda: End(DEPLOY, after_ms=random.randint(*SPREAD_MS)))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while connections.users():  # noqa: ASYNC110 - who goes tells nobody
                await asyncio.sleep(0.02)
