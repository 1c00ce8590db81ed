"""`python -m tests.realtime.gateway`: the gateway's own code, where a run can make things bad.

SIGUSR1 makes it read the file `JCC_CHAOS`: `{"bad": 0.05}` is the share of deliveries on the last
hop that are dropped, doubled or held up; `{"dies": true}` lets its stamper die between appending
and telling. While the file of `deadly` is there, whoever hears the next verdict on a decision takes
the file away and dies, before it tells anybody. `JCC_HEARTBEAT` is in seconds.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from gateway_service import app as composition
from gateway_service.connections import ConnectionManager
from gateway_service.feed import Entry
from gateway_service.following import Sources, Times
from gateway_service.live import Hop
from gateway_service.owners import Owner

HELD_UP: Final = 0.05
"""Seconds by which others overtake a delivery: longer than the gateway waits for it."""

chaos: dict[str, Any] = {}


class Manager(ConnectionManager):
    """As it is, behind a hop that is as bad as it is told to be."""

    def deliver(self, user_id: UUID, epoch: str, offset: int, frame: bytes) -> None:
        deliver = partial(super().deliver, user_id, epoch, offset, frame)
        luck = random.random() / chaos["bad"] if chaos.get("bad") else 1.0
        if luck >= 1:
            deliver()
        elif luck < 1 / 3:
            return
        elif luck < 2 / 3:
            deliver()
            deliver()
        else:
            asyncio.get_running_loop().call_later(HELD_UP, deliver)


class DeadlyHop(Hop):
    """Whoever tells dies before it is told, when that is wanted."""

    async def tell(self, user_id: UUID, epoch: str, entry: Entry) -> None:
        if chaos.get("dies"):
            os.kill(os.getpid(), signal.SIGKILL)
        await super().tell(user_id, epoch, entry)


class DeadlyOwner(Owner):
    """The first to hear a verdict dies of it, when that is wanted: its user is not told."""

    async def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        answer = await super().ask(method, path, **how)
        if "/decisions/" in path:
            with contextlib.suppress(FileNotFoundError):
                deadly(os.environ["JCC_CHAOS"]).unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        return answer


def deadly(chaos: str | Path) -> Path:
    """The file that makes the next verdict deadly."""
    return Path(f"{chaos}.verdict")


def install() -> None:
    """Put them in the place of what they are made of."""
    file = Path(os.environ["JCC_CHAOS"])

    def read(*signalled: object) -> None:
        chaos.clear()
        chaos.update(json.loads(file.read_text()))

    signal.signal(signal.SIGUSR1, read)
    times = Times(heartbeat=float(os.environ["JCC_HEARTBEAT"]))
    vars(composition).update(
        ConnectionManager=Manager,
        Sources=partial(Sources, times=times),
        Hop=DeadlyHop,
        Owner=DeadlyOwner,
    )


if __name__ == "__main__":
    import runpy

    install()
    runpy.run_module("gateway_service", run_name="__main__")
