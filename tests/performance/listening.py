"""The one client of all contestants in `fanout`: many sockets that count what they get.

Its process is told what to speak, `ours` or `socketio`, and says on stdout `in`, then how many
events came, again and again.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

OURS = "ours"
EVENT = '"t":"event"'


@dataclass
class Ears:
    """All sockets, and what came."""

    speaks: str
    port: int
    tokens: Sequence[str]
    sockets: int
    came: int = 0
    inside: int = 0
    latencies: list[float] = field(default_factory=list)

    async def listen(self, number: int) -> None:
        """One of them, until the server goes."""
        user = number % len(self.tokens)
        path = (
            "/v1/rt"
            if self.speaks == OURS
            else f"/socket.io/?EIO=4&transport=websocket&user={user}"
        )
        protocols = [Subprotocol("jcc.rt.v1")] if self.speaks == OURS else None
        with contextlib.suppress(ConnectionClosed):
            async with connect(
                f"ws://127.0.0.1:{self.port}{path}",
                subprotocols=protocols,
                compression=None,
                proxy=None,
                ping_interval=None,
                max_size=None,
                open_timeout=30,
            ) as socket:
                if self.speaks == OURS:
                    await self._ours(socket, self.tokens[user])
                else:
                    await self._socketio(socket)

    async def _ours(self, socket: ClientConnection, token: str) -> None:
        await socket.send(json.dumps({"t": "hello", "v": 1, "token": token}))
        welcomed = False
        async for text in socket:
            told = str(text)
            if not welcomed and '"t":"snapshot"' in told:
                self.inside, welcomed = self.inside + 1, True
            self.came += told.count(EVENT)

    async def _socketio(self, socket: ClientConnection) -> None:
        async for text in socket:
            told = str(text)
            if told.startswith("42"):
                self.came += 1
            elif told.startswith("40"):
                self.inside += 1
            elif told == "2":
                await socket.send("3")
            elif told.startswith("0"):
                await socket.send("40")


async def main(order: dict[str, Any]) -> None:
    """Connect all, then tell what came every tenth of a second."""
    ears = Ears(**order)
    tasks = []
    for number in range(ears.sockets):
        tasks.append(asyncio.create_task(ears.listen(number)))
        if number % 20 == 19:
            while ears.inside < number - 20:
                await asyncio.sleep(0.005)
    while ears.inside < ears.sockets:
        await asyncio.sleep(0.01)
    sys.stdout.write("in\n")
    while True:
        sys.stdout.write(f"{ears.came} {time.monotonic()}\n")
        sys.stdout.flush()
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1])))
