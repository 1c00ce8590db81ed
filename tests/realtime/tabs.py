"""Two tabs of one user: one answers over HTTP, one over its socket; both persist until they know.

A tab whose gateway died asks another one, with the same answer.
"""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self
from uuid import UUID

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from chassis.ids import new_id
from journal_client.place import step, understand
from journal_contracts.decisions import Choice
from journal_contracts.events import DecisionClosed
from journal_contracts.realtime import (
    SUBPROTOCOL,
    Decide,
    Happened,
    Hello,
    Resume,
    Snapshot,
    Welcome,
)

VERDICTS: Final = {409: "conflict", 410: "expired", 404: "unknown"}
AGAIN: Final = 0.05
"""Seconds until a tab that was cut off asks the next gateway."""


@dataclass(frozen=True)
class Told:
    """What a tab was told of its answer: the verdict, and the choice that holds, by whom."""

    result: str
    option: str | None
    by: str | None


class HttpTab:
    """Answers by requests."""

    def __init__(self, token: str, ports: Sequence[int]) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._doors = itertools.cycle([f"http://127.0.0.1:{port}" for port in ports])
        self._client = httpx.AsyncClient(headers=headers, timeout=60, trust_env=False)

    async def answer(self, journal: UUID, question: str, rev: int, option: str) -> Told:
        """Answer, and ask again until there is a verdict."""
        path = f"/v1/journals/{journal}/decisions/{question}"
        body = {"rev": rev, "choice": {"option": option}}
        headers = {"Idempotency-Key": str(new_id())}
        door = next(self._doors)
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await self._client.post(f"{door}{path}", json=body, headers=headers)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return _told(answer)
            await asyncio.sleep(AGAIN)
            door = next(self._doors)

    async def close(self) -> None:
        await self._client.aclose()


def _told(answer: httpx.Response) -> Told:
    told: dict[str, Any] = answer.json()
    result = told.get("result") or VERDICTS.get(answer.status_code, told.get("code", "?"))
    return Told(result, told.get("choice", {}).get("option"), told.get("chosen_by"))


@dataclass
class SocketTab:
    """Answers by frames on a socket, and hears there what was closed."""

    token: str
    ports: Sequence[int]
    closed: Counter[UUID] = field(default_factory=Counter)
    """Of each journal how often the tab heard that its decision is closed."""
    lost: int = 0
    """Connections that ended under it."""
    _place: Resume | None = None
    _socket: ClientConnection | None = None
    _asked: dict[str, tuple[Decide, asyncio.Future[Told]]] = field(default_factory=dict)
    _in: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, token: str, ports: Sequence[int]) -> AsyncIterator[Self]:
        """Connected while the block runs."""
        tab = cls(token, ports)
        life = asyncio.create_task(tab._live())
        try:
            await tab._in.wait()
            yield tab
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    async def answer(self, journal: UUID, question: str, rev: int, option: str) -> Told:
        """Answer, and say it again on the next socket until there is a verdict."""
        word = Decide(
            id=str(new_id()),
            journal=journal,
            decision_id=question,
            rev=rev,
            choice=Choice(option=option),
        )
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._asked[word.id] = word, told
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # then it is said on the next
                await self._socket.send(word.model_dump_json(by_alias=True))
        return await told

    async def _live(self) -> None:
        for port in itertools.cycle(self.ports):
            try:
                async with connect(
                    f"ws://127.0.0.1:{port}/v1/rt",
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    proxy=None,
                    ping_interval=None,
                    open_timeout=60,
                    close_timeout=0.1,
                ) as socket:
                    await self._listen(socket)
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                self.lost += self._socket is not None
            self._socket = None
            await asyncio.sleep(AGAIN)

    async def _listen(self, socket: ClientConnection) -> None:
        hello = Hello(token=self.token, resume=self._place)
        await socket.send(hello.model_dump_json(by_alias=True))
        async for text in socket:
            if self._socket is None:
                self._socket = socket
                for word, _ in list(self._asked.values()):
                    await socket.send(word.model_dump_json(by_alias=True))
            if not self._take(text):
                return

    def _take(self, text: str | bytes) -> bool:
        """Whether nothing is missing before it."""
        heard: Any = json.loads(text)
        for raw in heard if isinstance(heard, list) else [heard]:
            if raw["t"] == "decide.result":
                _, told = self._asked.pop(raw["id"])
                option = (raw["choice"] or {}).get("option")
                told.set_result(Told(raw["result"], option, raw["chosenBy"]))
            elif raw["t"] == "decide.refused":
                return False  # the owner was away: it is said again on the next socket
        for frame in understand(text):
            if isinstance(frame, Welcome | Snapshot | Happened):
                self._place, what = step(self._place, frame)
                if what == "gap":
                    return False
                if self._place is not None:
                    self._in.set()
                if isinstance(frame, Happened) and what == "deliver":
                    self._note(frame)
        return True

    def _note(self, frame: Happened) -> None:
        if frame.type == DecisionClosed.name and frame.journal is not None:
            self.closed[frame.journal] += 1
