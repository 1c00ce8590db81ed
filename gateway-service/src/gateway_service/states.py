"""One record a journal: its state in short, in Redis, moved on by the events of its user's feed.

Whoever asks pays for it: the record is read, what the feed has of the journal since then happens to
it, and it is put back. What is lost, or older than `FRESH`, is asked of the orchestrator; while
that is away the record and the feed answer alone. While Redis is away memory keeps what was asked.
"""

import contextlib
import json
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Request, Response
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.identity import CurrentCaller, bearer_token
from chassis.ids import now
from gateway_service.feed import KEPT_SECONDS, Feed, Position
from gateway_service.owners import Owner, OwnerUnavailable, passed_on
from gateway_service.problems import documented, signed_in
from gateway_service.progress import event_of, moved, state_of
from journal_contracts.api import JobState, JournalView
from journal_contracts.events import CraftShared, CraftUnshared
from journal_contracts.values import Value

FRESH: Final = timedelta(seconds=5)
MOST_IN_MEMORY: Final = 10_000
JSON: Final = "application/json"

routes = APIRouter(
    prefix="/v1/journals/{journal_id}",
    tags=["journals"],
    dependencies=signed_in,
    responses=documented(401, 404, 422, 429, 503),
)


@routes.get("/state", response_model=JobState)
async def state(journal_id: UUID, request: Request, caller: CurrentCaller) -> Response:
    """How far a journal is, in short, and what can be done: cheap enough to ask often."""
    states: States = request.app.state.states
    token = bearer_token(request, "Authorization")
    return await states.answer(caller.user_id, journal_id, token)


class Record(Value):
    """A state, and up to where in its user's feed it goes."""

    epoch: str
    top: int
    state: JobState


class States:
    """Everybody's records."""

    def __init__(self, redis: Redis, feed: Feed, owner: Owner) -> None:
        self._redis = redis
        self._feed = feed
        self._owner = owner
        self._here: OrderedDict[tuple[UUID, UUID], JobState] = OrderedDict()

    async def answer(self, user_id: UUID, journal_id: UUID, token: str) -> Response:
        """The state, or the orchestrator's refusal."""
        known, at = await self._known(user_id, journal_id)
        if known is not None and now() - known.asked_at < FRESH:
            return _told(known)
        try:
            answer = await self._owner.ask("GET", f"/v1/journals/{journal_id}", token=token)
        except OwnerUnavailable:
            if known is None:
                raise
            return _told(known)
        if answer.status_code != httpx.codes.OK:
            await self._forget(user_id, journal_id)
            return passed_on(answer)
        found = state_of(JournalView.model_validate_json(answer.content), now())
        await self._keep(user_id, journal_id, found, at)
        return _told(found)

    async def _known(
        self, user_id: UUID, journal_id: UUID
    ) -> tuple[JobState | None, Position | None]:
        """The record with all that happened since; and how far the feed was before."""
        try:
            at = await self._feed.position(user_id)
            kept = await self._redis.get(_place(user_id, journal_id))
            if kept is None:
                return None, at
            record = Record.model_validate_json(kept)
            return await self._moved(user_id, record, at), at
        except (RedisError, OSError):
            return self._here.get((user_id, journal_id)), None
        except ValueError:  # another version of this service wrote it
            return None, at

    async def _moved(self, user_id: UUID, record: Record, at: Position) -> JobState | None:
        """None where the feed no longer tells everything, tells of the end, or of another role."""
        if record.epoch != at.epoch:
            return None
        entries = await self._feed.after(user_id, record.top, at.top)
        if entries is None:
            return None
        state: JobState | None = record.state
        for entry in entries:
            frame = json.loads(entry.frame)
            if state is not None and frame["journal"] == str(state.id):
                event = event_of(frame)
                of_them = isinstance(event, CraftShared | CraftUnshared) and event.member == user_id
                state = None if event is None or of_them else moved(state, event)
        if entries and state is not None:
            await self._keep(user_id, state.id, state, at)
        return state

    async def _keep(
        self, user_id: UUID, journal_id: UUID, state: JobState, at: Position | None
    ) -> None:
        self._here[user_id, journal_id] = state
        self._here.move_to_end((user_id, journal_id))
        while len(self._here) > MOST_IN_MEMORY:
            self._here.popitem(last=False)
        if at is not None:
            record = Record(epoch=at.epoch, top=at.top, state=state).model_dump_json()
            with contextlib.suppress(RedisError, OSError):  # who asks next asks the orchestrator
                await self._redis.set(_place(user_id, journal_id), record, ex=KEPT_SECONDS)

    async def _forget(self, user_id: UUID, journal_id: UUID) -> None:
        self._here.pop((user_id, journal_id), None)
        with contextlib.suppress(RedisError, OSError):
            await self._redis.delete(_place(user_id, journal_id))


def _place(user_id: UUID, journal_id: UUID) -> str:
    return f"state:{{{user_id}}}:{journal_id}"


def _told(state: JobState) -> Response:
    left = state.eta_seconds
    if left is not None:
        left = max(0.0, left - _seconds_since(state.asked_at))
    told = state.model_copy(update={"eta_seconds": left})
    return Response(told.model_dump_json(), headers={"ETag": f'"{state.n}"'}, media_type=JSON)


def _seconds_since(moment: datetime) -> float:
    return (now() - moment).total_seconds()
