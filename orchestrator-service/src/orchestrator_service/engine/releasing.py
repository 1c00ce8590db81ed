"""Which command goes to the broker next: priority, then fair shares between users, then age.

A pool has room for twice what its live workers take at once. While nobody waits and there is room a
command leaves at once; else it waits as a row, with the user's virtual time (stride scheduling: who
has had more comes later), and goes when an answer gives room back. So the broker's queues stay
short, an urgent journal overtakes ten thousand waiting ones, and to cancel is to delete.

What a replica knows of the others is a second old. Two that are wrong at the same moment let out a
little more than the window: it bounds the queue at the broker, it protects no truth.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from orchestrator_service.engine.changes import Change, Order
from orchestrator_service.table import SHELF

FLOOR: Final = 8
"""The window of a pool whose workers have not been heard of."""
PACE_SECONDS: Final = 60.0
HEARTBEATS_MISSED: Final = 10.0
"""Seconds after which a silent worker no longer counts."""


@dataclass
class View:
    """What is in flight and what waits, by pool, as of a moment ago."""

    in_flight: Counter[str] = field(default_factory=Counter)
    of_user: Counter[tuple[str, UUID]] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    oldest: timedelta = timedelta(0)


class Release:
    """The replica's knowledge of pools, and its say in what may leave at once."""

    def __init__(self, user_limit: int, *, rations: bool = False) -> None:
        self.rations = rations
        """Whether every command waits for its share of its user's day."""
        self.view = View()
        self.room_came = asyncio.Event()
        """Somebody waits, and there may be room."""
        self.user_limit = user_limit
        self.replicas = 1
        self._workers: dict[tuple[UUID, str], tuple[int, float]] = {}
        self._closed: Counter[str] = Counter()
        self._pace: dict[str, float] = {}
        self._paced_at = time.monotonic()

    def heartbeat(self, worker: UUID, pools: dict[str, int]) -> None:
        """A worker lives, and takes so many steps of each pool at once."""
        heard = time.monotonic()
        for pool, at_once in pools.items():
            self._workers[worker, pool] = (at_once, heard)

    def window(self, pool: str) -> int:
        """How many commands of a pool may be in flight."""
        since = time.monotonic() - HEARTBEATS_MISSED
        self._workers = {k: v for k, v in self._workers.items() if v[1] > since}
        return max(FLOOR, 2 * sum(n for (_, p), (n, _) in self._workers.items() if p == pool))

    def take_pace(self) -> None:
        """See how many steps were closed since the last time; the average forgets in a minute."""
        seconds = time.monotonic() - self._paced_at
        self._paced_at += seconds
        weight = 1 - math.exp(-seconds / PACE_SECONDS)
        for pool in self._pace.keys() | self._closed.keys():
            now = self._closed[pool] * self.replicas / seconds
            before = self._pace.get(pool, now)
            self._pace[pool] = before + weight * (now - before)
        self._closed.clear()

    def eta(self, pool: str, ahead: int) -> float | None:
        """Seconds until so many steps have gone before; None while the pool's pace is unknown."""
        pace = self._pace.get(pool, 0.0)
        return ahead / pace if pace else None

    def admit(self, changes: Sequence[Change]) -> set[UUID]:
        """The letters that have to wait; the others count as in flight from now on."""
        waits: set[UUID] = set()
        windows: dict[str, int] = {}
        for change in changes:
            for pool in change.freed:
                self._give_back(pool, change.after.saga.user_id)
        for change in changes:
            user = change.after.saga.user_id
            for order in change.orders:
                if order.pool not in windows:
                    windows[order.pool] = self.window(order.pool)
                if not self._leaves(order, user, windows[order.pool]):
                    waits.add(order.letter.id)
        return waits

    def _leaves(self, order: Order, user: UUID, window: int) -> bool:
        if order.pool == SHELF:
            return True
        view = self.view
        mine = view.of_user[order.pool, user]
        full = view.in_flight[order.pool] >= window or mine >= self.user_limit
        if self.rations or full or view.waiting[order.pool]:
            view.waiting[order.pool] += 1
            self.room_came.set()
            return False
        view.in_flight[order.pool] += 1
        view.of_user[order.pool, user] += 1
        return True

    def _give_back(self, pool: str, user: UUID) -> None:
        self._closed[pool] += 1
        self.view.in_flight[pool] -= 1
        self.view.of_user[pool, user] -= 1
        if self.view.waiting[pool]:
            self.room_came.set()
