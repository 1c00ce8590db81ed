"""Breakers: a provider that fails again and again is left alone for a while, then tried once."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import Gauge

from agent_workers.models.provider import ModelTrouble

FAILURES: Final = 5
"""So many in a row open it."""
REST_SECONDS: Final = 30.0
"""So long it stays open before one call probes."""

ILL: Final = frozenset({"infrastructure", "timeout"})
"""Kinds of trouble that say something about the provider; others say something about us."""

open_breakers = Gauge("model_breakers_open", "Providers with a key that rest", ["provider"])

Clock = Callable[[], float]


@dataclass
class _Health:
    """Of one provider with one key; forgotten when it is well."""

    failures: int = 0
    opened_at: float | None = None
    probing: bool = False
    asked_to_wait_until: float = 0.0


class Breakers:
    """In this process: each finds out for itself, at the price of a few calls."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._ailing: dict[str, _Health] = {}

    @contextlib.contextmanager
    def passage(self, meter: str) -> Iterator[None]:
        """Let a call through, and learn from its end; raises `ModelTrouble` where it has to rest.

        A cancelled call teaches nothing; if it was the probe, the next call is.
        """
        self._admit(meter)
        try:
            yield
        except ModelTrouble as trouble:
            self._learn(meter, trouble)
            raise
        except BaseException:
            if health := self._ailing.get(meter):
                health.probing = False
            raise
        else:
            self._close(meter)

    def _admit(self, meter: str) -> None:
        health = self._ailing.get(meter)
        if health is None:
            return
        now = self._clock()
        if (wait := health.asked_to_wait_until - now) > 0:
            raise ModelTrouble("rate_limit", "rate_limited", "The provider asks to wait.", wait)
        if health.opened_at is None:
            return
        left = health.opened_at + REST_SECONDS - now
        if left > 0 or health.probing:
            after = left if left > 0 else REST_SECONDS
            detail = "The provider failed too often just now."
            raise ModelTrouble("infrastructure", "model_resting", detail, after)
        health.probing = True

    def _learn(self, meter: str, trouble: ModelTrouble) -> None:
        if trouble.kind == "rate_limit":
            health = self._ailing.setdefault(meter, _Health())
            health.probing = False
            health.asked_to_wait_until = self._clock() + (trouble.retry_after or 0)
        elif trouble.kind in ILL:
            health = self._ailing.setdefault(meter, _Health())
            health.failures += 1
            if health.probing or health.failures >= FAILURES:
                self._open(meter, health)
        else:
            self._close(meter)

    def _open(self, meter: str, health: _Health) -> None:
        if health.opened_at is None:
            open_breakers.labels(_provider(meter)).inc()
        health.opened_at, health.probing = self._clock(), False

    def _close(self, meter: str) -> None:
        health = self._ailing.pop(meter, None)
        if health and health.opened_at is not None:
            open_breakers.labels(_provider(meter)).dec()


def _provider(meter: str) -> str:
    return meter.partition("/")[0]
