"""A request that comes again under its `Idempotency-Key` gets the answer of the first time.

Redis remembers answers for a day, sealed with the key they came under. It is not the truth: an
order's key lies with its journal at the orchestrator, which replays it after a crash, without
Redis, and while two gateways ask at once. What else takes a key changes nothing the second time.
"""

import base64
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Final

from cryptography.fernet import Fernet
from fastapi import Depends, Header, Request, Response
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.errors import Conflict, ServiceError, Unavailable
from chassis.identity import Caller, current_caller
from chassis.ids import new_id
from gateway_service.bodies import strict_json

KEY: Final = r"^[!-~]{1,200}$"
KEPT_SECONDS: Final = 86_400
CLAIM_SECONDS: Final = 3
"""A gateway that was killed in between holds a repeat up for so long, then its owner is asked."""
KEPT_HEADERS: Final = ("content-type", "location")
REPLAYED: Final = {"Idempotency-Replayed": "true"}
SCRIPT: Final = (resources.files("gateway_service") / "claim.lua").read_text()

IdempotencyKey = Annotated[str | None, Header(pattern=KEY)]
Ask = Callable[[], Awaitable[Response]]
Stands = Callable[[Response], Awaitable[bool]]
"""Whether there still is what an answer tells of."""


async def always(answer: Response) -> bool:
    """What was granted once and cannot be taken back."""
    return True


class IdempotencyKeyReused(ServiceError):
    """The key came with another request before."""

    status = 422


class RequestInFlight(Conflict):
    """The same request is being answered at this moment."""

    headers = MappingProxyType({"Retry-After": "1"})


class KeysAway(Unavailable):
    """Nobody can say whether this was asked before, and its owner would do it again."""


class Answers:
    """What was granted, by user and key."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(SCRIPT)

    async def once(
        self,
        who: Caller,
        key: str,
        request: bytes,
        ask: Ask,
        *,
        strict: bool = False,
        stands: Stands = always,
    ) -> Response:
        """Ask, or give the answer of the first time; with `strict` not without Redis.

        Only what was granted is kept: a refusal has changed nothing, and is found again. An answer
        that no longer `stands` is not given again: its owner says what became of it.
        """
        place = _place(who, key)
        digest, claim = hashlib.sha256(request).hexdigest(), new_id().hex
        try:
            found, kept = await self._claim(keys=[place], args=[digest, claim, CLAIM_SECONDS])
        except (RedisError, OSError) as error:
            if strict:
                raise KeysAway("This cannot be answered at the moment.") from error
            return await ask()
        match found:
            case b"other":
                raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
            case b"claimed":
                raise RequestInFlight("This request is being answered. Ask again in a moment.")
            case b"answered":
                first = _opened(_seal(who, key), kept)
                return first if await stands(first) else await ask()
        answer = None
        try:
            answer = await ask()
        finally:
            with contextlib.suppress(RedisError, OSError):  # the claim ends by itself
                if answer is not None and answer.status_code < 300:
                    await self._keep(place, digest, _sealed(_seal(who, key), answer))
                else:
                    await self._let_go(place, claim)
        return answer

    async def _keep(self, place: str, digest: str, sealed: bytes) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(place, mapping={"digest": digest, "answer": sealed})
            pipeline.expire(place, KEPT_SECONDS)
            await pipeline.execute()

    async def _let_go(self, place: str, claim: str) -> None:
        if await self._redis.hget(place, "claim") == claim.encode():
            await self._redis.delete(place)


class Once:
    """A request with its key, if it has one."""

    def __init__(
        self,
        request: Request,
        caller: Annotated[Caller, Depends(current_caller)],
        idempotency_key: IdempotencyKey = None,
    ) -> None:
        self._request = request
        self._caller = caller
        self.key = idempotency_key

    async def __call__(
        self, ask: Ask, *, strict: bool = False, stands: Stands = always
    ) -> Response:
        """The answer, or that of the first time. `strict`: its owner knows no keys."""
        if self.key is None:
            return await ask()
        answers: Answers = self._request.app.state.answers
        asked = await _asked(self._request)
        return await answers.once(self._caller, self.key, asked, ask, strict=strict, stands=stands)


AskedOnce = Annotated[Once, Depends()]


async def _asked(request: Request) -> bytes:
    """What is asked, however it is spaced and ordered."""
    body = await request.body()
    told = json.dumps(strict_json(body), sort_keys=True) if body else ""
    return f"{request.method} {request.url.path}\n{told}".encode()


def _place(who: Caller, key: str) -> str:
    return f"once:{_digest('place', who, key).hex()}"


def _seal(who: Caller, key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_digest("seal", who, key)))


def _digest(of: str, who: Caller, key: str) -> bytes:
    return hashlib.sha256(f"{of} {who.user_id} {key}".encode()).digest()


def _sealed(seal: Fernet, answer: Response) -> bytes:
    headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    body = bytes(answer.body).decode()
    return seal.encrypt(json.dumps([answer.status_code, headers, body]).encode())


def _opened(seal: Fernet, sealed: bytes) -> Response:
    status, headers, body = json.loads(seal.decrypt(sealed))
    return Response(body, status, {**headers, **REPLAYED})
