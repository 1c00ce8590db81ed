"""A speaker that misbehaves as networks do: twice, late, out of order, and with rubbish between."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from chassis.broker import Letter, Speaker
from chassis.ids import new_id

TOGETHER: Final = 50
LATEST: Final = 0.5
SHARE: Final = 0.2
EARLIER: Final = 200


class ChaoticSpeaker(Speaker):
    """While the file `orders` names faults, letters suffer them; each is said at least once."""

    def __init__(self, service: str, url: str, orders: Path) -> None:
        super().__init__(service, url)
        self._orders = orders
        self._said: list[Letter] = []
        self._window: list[asyncio.Event] = []
        self._random = random.Random()

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        faults = self._faults()
        if not faults:
            return await super().say_all(letters)
        out = list(letters)
        if "duplicate" in faults:
            out += [letter for letter in letters if self._random.random() < SHARE]
        if "late" in faults and self._said:
            out.append(_attempted_before(self._random.choice(self._said)))
        if "poison" in faults and self._random.random() < SHARE:
            out.insert(0, poisoned(self._random.choice(letters), self._random.random() < 0.5))
        if "delay" in faults:
            await asyncio.sleep(self._random.random() * LATEST)
        if "reorder" in faults:
            await self._shuffled()
        self._said = [*self._said, *letters][-EARLIER:]
        arrived = await super().say_all(out)
        ids = {letter.id for letter, ok in zip(out, arrived, strict=True) if ok}
        return [letter.id in ids for letter in letters]

    async def _shuffled(self) -> None:
        """Wait until fifty are together, or a moment; then all go in any order."""
        mine = asyncio.Event()
        self._window.append(mine)
        if len(self._window) >= TOGETHER:
            self._open_window()
        else:
            asyncio.get_running_loop().call_later(LATEST, self._open_window)
        await mine.wait()
        await asyncio.sleep(self._random.random() * LATEST / 10)

    def _open_window(self) -> None:
        for waiting in self._window:
            waiting.set()
        self._window.clear()

    def _faults(self) -> frozenset[str]:
        try:
            return frozenset(self._orders.read_text().split())
        except FileNotFoundError:
            return frozenset()


def _attempted_before(letter: Letter) -> Letter:
    body = json.loads(letter.body)
    body["attempt"] = max(1, body["attempt"] - 1)
    return replace(letter, id=new_id(), body=json.dumps(body).encode())


def poisoned(letter: Letter, unreadable: bool) -> Letter:
    """Not JSON at all, or an answer to an open step with what no database can hold."""
    if unreadable:
        return replace(letter, id=new_id(), body=b"\x00{ this is no message")
    body: dict[str, Any] = json.loads(letter.body)
    body["facts"] = {"poison": "\x00"}
    return replace(letter, id=new_id(), body=json.dumps(body).encode())
