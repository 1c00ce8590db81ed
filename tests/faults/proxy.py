"""A wire between services and a server that can be reset, stalled and cut, without root."""

import asyncio
import contextlib
from urllib.parse import urlsplit


class Wire:
    """Carries every connection to `target`, a URL, until somebody trips over it."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    async def open(self) -> str:
        """Start; returns the URL that leads through the wire."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = f"{self._target.username}:{self._target.password}"
        return self._target._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()

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

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
