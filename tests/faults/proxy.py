"""A wire between services and a server that can be reset, stalled and cut, without root."""

import asyncio
import contextlib
from typing import Final, Literal
from urllib.parse import urlsplit

LAG: Final = 0.15
"""Seconds, each way, that a slow one takes more."""


class Wire:
    """Carries every connection to `target`, a URL, until somebody trips over it."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_down = False
        self._lag = 0.0

    async def open(self) -> str:
        """Start; returns the URL that leads through the wire."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        who, _, _ = self._target.netloc.rpartition("@")
        there = f"{who}@127.0.0.1:{port}" if who else f"127.0.0.1:{port}"
        return self._target._replace(netloc=there).geturl()

    async def close(self) -> None:
        """Cut it for good."""
        if self._server is not None:
            self._server.close()
        self.reset()

    def reset(self) -> None:
        """Break every connection at once, as a switch that restarts."""
        for end in list(self._ends):
            end.transport.abort()

    async def stall(self, seconds: float) -> None:
        """Nothing passes for a while, and then all of it."""
        self._flows.clear()
        await asyncio.sleep(seconds)
        self._flows.set()

    def be(self, state: Literal["up", "down", "hung", "slow"]) -> None:
        """Whatever is behind it: there, gone, silent for good, or a third of a second late."""
        self._is_down = state == "down"
        self._lag = LAG if state == "slow" else 0.0
        if state == "hung":
            self._flows.clear()
        else:
            self._flows.set()
        if state == "down":
            self.reset()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_down:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, back}
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            self._ends -= {writer, back}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # uvloop's word for a closed transport
            while data := await reader.read(65536):
                await self._flows.wait()
                await asyncio.sleep(self._lag)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
