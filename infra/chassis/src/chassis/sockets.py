"""A WebSocket that costs little while nothing is said.

What comes is read by `websockets`, what goes is framed here; nothing runs but who hears and one
timer. `handshakes.py` says how it begins.
"""

import asyncio
import logging
import struct
from collections import deque
from typing import Any, Final, cast

from uvicorn import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, Protocol, State

from chassis.wire import CLOSE_SECONDS, cut_off, keep_little

LOST: Final = 1006
AWAY: Final = 1012
NO_TEXT: Final = 1007
NO_ANSWER: Final = 1011
FINAL: Final = 0x80
TEXT, BINARY, CONT = Opcode.TEXT, Opcode.BINARY, Opcode.CONT
SHORT, LONGER, LONGEST = 125, 126, 127

log = logging.getLogger("uvicorn.error")


class Gone(Exception):
    """The other side is no longer there, or was told to go."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def framed(payload: bytes, kind: int = TEXT) -> bytes:
    """A message as a server sends it: whole, and without a mask (RFC 6455, 5.2)."""
    size = len(payload)
    if size <= SHORT:
        return bytes((FINAL | kind, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", FINAL | kind, LONGER, size) + payload
    return struct.pack("!BBQ", FINAL | kind, LONGEST, size) + payload


class Wire(asyncio.Protocol):
    """One connection: whoever talks hears, says and closes."""

    __slots__ = (
        "_begun",
        "_config",
        "_easing",
        "_expects_pong",
        "_gone",
        "_heard",
        "_is_lost",
        "_is_over",
        "_kind",
        "_listening",
        "_ping",
        "_reading",
        "_server",
        "_transport",
        "is_full",
    )

    _transport: asyncio.Transport

    def __init__(self, config: Config, server: ServerState, reading: Protocol) -> None:
        self._config = config
        self._server = server
        self._reading = reading
        self._heard: deque[str | bytes] | None = None
        self._kind = TEXT
        self._begun: bytearray | None = None
        self._listening: asyncio.Future[None] | None = None
        self._easing: asyncio.Future[None] | None = None
        self._ping: asyncio.TimerHandle | None = None
        self._expects_pong = False
        self._gone: int | None = None
        self._is_lost = False
        self._is_over = False
        """Nothing more is said."""
        self.is_full = False
        """What was written waits: more of it is to wait elsewhere."""

    # --- who talks --------------------------------------------------------------------------

    def write(self, frame: bytes) -> None:
        """Say it now, whoever reads it; who has gone does not."""
        if not self._is_over:
            self._transport.write(frame)

    async def say(self, frame: bytes) -> None:
        """Say it once there is room. Raises `Gone`."""
        while self.is_full and self._gone is None:
            if self._easing is None:
                self._easing = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._easing)
        if self._is_over:
            raise Gone(self._gone or LOST)
        self._transport.write(frame)

    async def hear(self) -> str | bytes:
        """The next message. Raises `Gone`."""
        if not self._heard and self._gone is None:
            self._listening = asyncio.get_running_loop().create_future()
            try:
                await self._listening
            finally:
                self._listening = None
        if not self._heard:
            raise Gone(self._gone or LOST)
        message = self._heard.popleft()
        if not self._heard:
            self._heard = None
            self._read_on()
        return message

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye; who does not answer it in time is cut off."""
        if self._is_over or self._reading.state is not State.OPEN:
            return
        self._reading.send_close(code, reason)
        self._flush()
        self._end(code)
        self._read_on()
        self._cut_off_later()

    # --- what comes -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(cast(Any, self))  # whose type names uvicorn's own protocols
        keep_little(transport)

    def data_received(self, data: bytes) -> None:
        self._expects_pong = False
        self._reading.receive_data(data)
        for event in self._reading.events_received():
            self._heed(event)
        self._flush()
        read = self._reading
        if read.handshake_exc or read.parser_exc or read.close_rcvd:
            told = read.close_rcvd or read.close_sent
            self._hang_up(told.code if told else LOST)

    def _heed(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode in (TEXT, BINARY, CONT):
            self._gather(event)

    def _gather(self, piece: Frame) -> None:
        """A piece of a message; any number of empty ones takes no room."""
        if piece.opcode is not CONT:
            self._kind, self._begun = piece.opcode, None
        begun = self._begun or bytearray()
        begun += piece.data
        self._begun = None if piece.fin else begun
        if piece.fin:
            self._take(bytes(begun))

    def _take(self, data: bytes) -> None:
        """A message; behind a goodbye of ours it is not heard any more."""
        if self._is_over:
            return
        try:
            message = data.decode() if self._kind is TEXT else data
        except UnicodeDecodeError:
            self._fail(NO_TEXT)
            return
        if self._heard is None:
            self._heard = deque()
        self._heard.append(message)
        if self._listening is None:
            self._transport.pause_reading()
        elif not self._listening.done():
            self._listening.set_result(None)

    def _read_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    # --- whether there is still somebody --------------------------------------------------------

    def _ping_later(self) -> None:
        if seconds := self._config.ws_ping_interval:
            self._ping = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Whoever said nothing since the last ping, not even that they heard it, is no more."""
        if self._expects_pong:
            self._fail(NO_ANSWER)
            return
        if self._reading.state is State.OPEN:
            self._reading.send_ping(b"")
            self._flush()
            self._expects_pong = True
        self._ping_later()

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self._ease()

    def _ease(self) -> None:
        easing, self._easing = self._easing, None
        if easing is not None:
            easing.set_result(None)

    # --- the end --------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """The server leaves."""
        self.close(AWAY)
        self._hang_up(AWAY)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._server.connections.discard(cast(Any, self))
        self._end(LOST)

    def _fail(self, code: int) -> None:
        self._reading.fail(code)
        self._flush()
        self._hang_up(code)

    def _hang_up(self, code: int) -> None:
        self._end(code)
        if not self._transport.is_closing():
            self._transport.close()
            self._cut_off_later()

    def _end(self, code: int) -> None:
        self._is_over = True
        if self._gone is None:
            self._gone = code
        if self._ping is not None:
            self._ping.cancel()
            self._ping = None
        if self._listening is not None and not self._listening.done():
            self._listening.set_result(None)
        self._ease()

    def _cut_off_later(self) -> None:
        """To close waits for who reads no more for ever."""
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        if not self._is_lost:
            cut_off(self._transport)

    def _flush(self) -> None:
        if out := self._reading.data_to_send():
            self._transport.write(b"".join(out))
