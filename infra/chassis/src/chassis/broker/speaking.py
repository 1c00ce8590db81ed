"""Many messages at once: what is said in one turn of the loop leaves in one piece.

Each message is confirmed by the broker as with `say`, but none waits for another. The confirms are
counted with the client's channel (`confirmations`, `delivery_tag`, `write_queue`), which is told of
each message what it would have noted itself.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import aiormq
import structlog
from aio_pika.exceptions import AMQPException
from aiormq import Channel
from aiormq.abc import ChannelFrame

from chassis.broker import topology
from chassis.broker.frames import publish_method, published
from chassis.broker.hot import channel_of
from chassis.broker.saying import PATIENCE, Letter, cloud_event
from journal_contracts.catalogue import BY_NAME

log = structlog.get_logger()

AWAY: Final = (AMQPException, OSError, RuntimeError, TimeoutError)


class _Flight:
    """Letters that leave together, and how many of them the broker still owes a word for."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.arrived: list[bool] = []
        self.left = 0
        self.has_landed = asyncio.Event()
        self._sayers: list[tuple[asyncio.Future[list[bool]], int, int]] = []

    def board(self, letters: Sequence[Letter]) -> asyncio.Future[list[bool]]:
        """Take these along; what is told of them in the end."""
        told: asyncio.Future[list[bool]] = asyncio.get_running_loop().create_future()
        start = len(self.letters)
        self.letters += letters
        self._sayers.append((told, start, len(self.letters)))
        return told

    def start(self) -> None:
        """Nobody boards any more."""
        self.arrived = [False] * len(self.letters)
        self.left = len(self.letters)

    def land(self) -> None:
        """Tell everybody of their letters; those the broker said nothing of may have arrived."""
        self.has_landed.set()
        for told, start, end in self._sayers:
            if not told.done():
                told.set_result(self.arrived[start:end])


class _Seat:
    """One letter's place in a flight; the client's channel takes it for a future."""

    __slots__ = ("_flight", "_number", "_returns")

    def __init__(self, flight: _Flight, number: int, returns: dict[str, int]) -> None:
        self._flight = flight
        self._number = number
        self._returns = returns

    def done(self) -> bool:
        return False

    def set_result(self, frame: object) -> None:
        """The broker has it."""
        self._flight.arrived[self._number] = True
        self._arrive()

    def set_exception(self, error: Exception) -> None:
        """The broker did not take it, or nobody owns it."""
        log.warning("message_not_taken", error=repr(error))
        self._arrive()

    def _arrive(self) -> None:
        flight = self._flight
        self._returns.pop(str(flight.letters[self._number].id), None)
        flight.left -= 1
        if not flight.left:
            flight.land()


@dataclass
class Speaker:
    """Says many messages at once; `say_all` tells of each whether the broker has it."""

    service: str
    url: str
    _wire: Channel | None = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _boarding: _Flight | None = None
    _flights: dict[_Flight, asyncio.Task[None]] = field(default_factory=dict)

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        """One answer a letter, in their order; False where it may or may not have arrived."""
        if not letters:
            return []
        if (flight := self._boarding) is None:
            flight = self._boarding = _Flight()
            self._flights[flight] = asyncio.create_task(self._fly(flight))
        return await flight.board(letters)

    async def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(*AWAY):
            await self._stack.aclose()

    async def _fly(self, flight: _Flight) -> None:
        """Let what has gathered leave, and wait until the broker said of each that it has it."""
        self._boarding = None
        flight.start()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._leave(await self._connected(), flight)
                await flight.has_landed.wait()
        except AWAY as error:
            log.warning("broker_away", error=type(error).__name__)
        finally:
            flight.land()
            del self._flights[flight]

    async def _leave(self, wire: Channel, flight: _Flight) -> None:
        now, payload = datetime.now(UTC), []
        for number, letter in enumerate(flight.letters):
            wire.delivery_tag += 1
            tag, message_id = wire.delivery_tag, str(letter.id)
            seat: Any = _Seat(flight, number, wire.message_id_delivery_tag)
            wire.confirmations[tag] = seat
            entry = BY_NAME[letter.name]
            if entry.is_command:
                wire.message_id_delivery_tag[message_id] = tag
            payload.append(self._written(wire, letter, message_id, now))
        frames = ChannelFrame(payload=b"".join(payload), should_close=False, drain_future=None)
        await wire.write_queue.put(frames)

    def _written(self, wire: Channel, letter: Letter, message_id: str, now: datetime) -> bytes:
        entry = BY_NAME[letter.name]
        exchange = topology.exchange_of(entry).name
        return published(
            wire.number,
            publish_method(wire.number, exchange, letter.routing_key, entry.is_command),
            app_id=self.service,
            name=letter.name,
            message_id=message_id,
            subject=letter.subject,
            at=now,
            headers={
                **letter.trace,
                **cloud_event(self.service, letter.name, letter.id, letter.subject),
            },
            body=letter.body,
            most=wire.max_content_size,
            persistent=not entry.transient,
        )

    async def _connected(self) -> Channel:
        async with self._connecting:
            if self._wire is None or self._wire.is_closed:
                await self.close()
                connection = aiormq.Connection(self.url)
                self._stack.push_async_callback(connection.close)
                await connection.connect()
                self._wire = await channel_of(connection)
                self._wire.closing.add_done_callback(self._crash)
            return self._wire

    def _crash(self, closed: object) -> None:
        """The connection is gone: nobody will say anything of what is in the air."""
        for flight in self._flights:
            if flight is not self._boarding:
                flight.has_landed.set()
