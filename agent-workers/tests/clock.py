"""The loop's clock, put forward by hand."""

import asyncio
from dataclasses import dataclass


@dataclass
class Clock:
    """Timers that are due by it go off; nothing waits for the machine's."""

    now: float

    async def forward(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(10):
            await asyncio.sleep(0)
