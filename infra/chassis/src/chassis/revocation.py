"""Revocations, heard by every replica: a session that ends is over everywhere within moments.

Each replica has a queue of its own, so that none hears for another. What was said before it began
is asked of the auth service once the queue is bound; and it is asked again every few seconds, so
that what a lost connection swallowed is known a little later, and a broker that is away costs
seconds and not the life of a token.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import httpx
import structlog
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker
from prometheus_client import Gauge
from pydantic import ValidationError

from chassis.broker import hear_on_every_replica
from chassis.errors import Unavailable
from chassis.identity import Truth, Verifier
from chassis.jobs import running
from journal_contracts.events import SessionRevoked
from journal_contracts.sessions import RevocationPage

log = structlog.get_logger()

ASK_SECONDS: Final = 5.0
FIRST_SECONDS: Final = 0.25
"""Until the second try of a replica that knows nothing yet and lets nobody in; then the double."""
OVERLAP: Final = timedelta(seconds=60)
"""Asked for again each time: a transaction is seen when it commits, and dated when it began."""
AWAY: Final = (httpx.HTTPError, ValidationError, Unavailable)

feed_age = Gauge("revocation_feed_age_seconds", "Since this replica last knew of every revocation")

Ended = Callable[[UUID, UUID], None]
"""Told of a user and one of their sessions, which ended."""


class Revocations:
    """Keeps a verifier told; `on_end` hears of each session once, where one cares."""

    def __init__(
        self, verifier: Verifier, auth: httpx.AsyncClient, on_end: Ended | None = None
    ) -> None:
        self._verifier = verifier
        self._auth = auth
        self._on_end = on_end
        self._since: datetime | None = None
        self._known_at = time.monotonic()
        verifier.revoked.complete = False
        feed_age.set_function(lambda: time.monotonic() - self._known_at)

    def listen(self, broker: RabbitBroker, service: str) -> None:
        """Hear; the broker is opened afterwards, and then `following` begins."""
        hear_on_every_replica(broker, service, SessionRevoked, self._hear)

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Ask for what was said before, and again and again, while the block runs."""
        with contextlib.suppress(*AWAY):
            await self.catch_up()
        async with running("asking for revocations", self._keep_asking):
            yield

    async def catch_up(self) -> None:
        """Ask once for what was revoked since the last time."""
        asked_at = time.monotonic()
        since = {"since": (self._since - OVERLAP).isoformat()} if self._since else {}
        answer = await self._auth.get("/v1/auth/revocations", params=since)
        answer.raise_for_status()
        page = RevocationPage.model_validate_json(answer.content)
        for each in page.revoked:
            self._end(each.user_id, each.session_id)
        self._verifier.keep_keys(page.keys)
        self._since, self._known_at = page.at, asked_at
        self._verifier.revoked.complete = True

    async def _keep_asking(self) -> None:
        pause = FIRST_SECONDS
        while True:
            pause = ASK_SECONDS if self._since else min(2 * pause, ASK_SECONDS)
            await asyncio.sleep(pause)
            try:
                await self.catch_up()
            except AWAY as error:
                log.warning("revocations_not_told", error=type(error).__name__)

    async def _hear(self, revoked: SessionRevoked) -> None:
        self._end(revoked.user_id, revoked.session_id)

    def _end(self, user_id: UUID, session_id: UUID) -> None:
        if self._verifier.drop(session_id) and self._on_end is not None:
            self._on_end(user_id, session_id)


def trust(
    app: FastAPI,
    broker: RabbitBroker,
    service: str,
    auth: httpx.AsyncClient,
    on_end: Ended | None = None,
) -> Revocations:
    """Give an application what it knows its callers by; `auth` carries this service's token."""
    app.state.verifier = Verifier(auth, str(auth.base_url).rstrip("/"))
    app.state.truth = Truth(auth)
    revocations = Revocations(app.state.verifier, auth, on_end)
    revocations.listen(broker, service)
    return revocations
