"""Who is calling: access tokens are verified here, with the public keys of the auth service.

A user comes with `Authorization: Bearer`; a service that asks in a user's name adds its own token
as `Service-Authorization: Bearer`, and routes marked `only_from` want to see it. What cannot be
taken back asks for a `FreshCaller`: the auth service is asked whether the session still runs. What
outlasts a session asks for a `RecentCaller`, who has just shown who they are too; so do routes
marked `only_with`, of a user with a scope.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, TypeVar
from uuid import UUID

import httpx
from fastapi import Depends, Request
from joserfc.jwk import ECKey, KeySet
from pydantic import ValidationError

from chassis.claims import (
    ALGORITHMS,
    AUDIENCE,
    BROKEN,
    ISSUER,
    LONGEST_TOKEN,
    OPERATOR_SCOPE,
    SERVICE_SCOPE,
    TOKEN_TYPE,
    USER_SCOPE,
    Caller,
    Claims,
    Service,
    caller_of,
    claims_of,
    service_of,
)
from chassis.errors import Forbidden, Unauthorized, Unavailable
from chassis.remembered import Revoked, SessionEnded, Verified
from journal_contracts.sessions import TokenQuestion, TokenTruth

__all__ = [
    "ALGORITHMS",
    "AUDIENCE",
    "ISSUER",
    "LONGEST_TOKEN",
    "OPERATOR_SCOPE",
    "SERVICE_CHALLENGE",
    "SERVICE_HEADER",
    "SERVICE_SCOPE",
    "TOKEN_TYPE",
    "USER_SCOPE",
    "Caller",
    "CurrentCaller",
    "FreshCaller",
    "RecentCaller",
    "Truth",
    "Verifier",
    "bearer_token",
    "check_recent",
    "current_caller",
    "new_key",
    "only_from",
    "only_with",
]

SERVICE_HEADER = "Service-Authorization"
SERVICE_CHALLENGE = 'Bearer realm="services"'
REFETCH_PAUSE = 10.0
RECENT_SECONDS = 900
"""So long whoever has signed in is taken for it, where a stolen session must not be enough."""

T = TypeVar("T")


class ServiceUnknown(Unauthorized):
    """No token of a service, or one that does not hold (any more)."""

    headers = MappingProxyType({"WWW-Authenticate": SERVICE_CHALLENGE})


class ScopeMissing(Forbidden):
    """A good token, but not of somebody who may do this."""


class StepUpNeeded(Unauthorized):
    """A good token, but its user has not shown who they are for too long (RFC 9470)."""

    headers = MappingProxyType(
        {
            "WWW-Authenticate": 'Bearer error="insufficient_user_authentication"'
            f", max_age={RECENT_SECONDS}"
        }
    )


class Verifier:
    """Checks tokens locally; an unknown key id makes it fetch the keys once more, then pause."""

    def __init__(self, client: httpx.AsyncClient, auth_url: str) -> None:
        self.revoked = Revoked()
        self._client = client
        self._url = f"{auth_url}/.well-known/jwks.json"
        self._keys = KeySet([])
        self._verified = Verified()
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def verify(self, token: str) -> Caller:
        """The user this token speaks for.

        Raises `Unauthorized`, or `Unavailable` where that cannot be told.
        """
        caller = await self._checked(token, caller_of)
        self.revoked.check(caller.session_id)
        return caller

    async def verify_service(self, token: str) -> Service:
        """The service this token speaks for; raises the same."""
        return await self._checked(token, service_of)

    def drop(self, session_id: UUID) -> bool:
        """From here on no token of this session holds; false if that was known."""
        self._verified.drop_session(session_id)
        return self.revoked.add(session_id)

    def keep_keys(self, names: Collection[str]) -> None:
        """Let no key be trusted but these; new ones are fetched when they are met."""
        kept = [key for key in self._keys.keys if key.kid in names]
        if len(kept) < len(self._keys.keys):
            self._keys = KeySet(kept)
            self._verified.clear()

    async def _checked(self, token: str, meaning: Callable[[Claims], T]) -> T:
        if len(token) > LONGEST_TOKEN:
            raise Unauthorized("The token is too long.")
        known_since = self._fetched_at
        try:
            return self._read(token, meaning)
        except BROKEN as first:
            if not await self._fetch_keys(known_since):
                raise Unauthorized("The token does not hold.") from first
        try:
            return self._read(token, meaning)
        except BROKEN as error:
            raise Unauthorized("The token does not hold.") from error

    def _read(self, token: str, meaning: Callable[[Claims], T]) -> T:
        claims = self._verified.get(token)
        if claims is None:
            claims = claims_of(token, self._keys)
            self._verified.keep(token, claims)
        return meaning(claims)

    async def _fetch_keys(self, known_since: float) -> bool:
        """Fetch the keys unless that was done a moment ago; true if the asker may not know them."""
        async with self._fetching:
            if self._fetched_at != known_since:  # somebody else did while we waited
                return True
            if time.monotonic() - self._fetched_at < REFETCH_PAUSE:
                return False
            try:
                answer = await self._client.get(self._url)
                answer.raise_for_status()
            except (httpx.HTTPError, Unavailable) as error:
                if self._keys.keys:
                    return False
                raise Unavailable("Tokens cannot be checked at the moment.") from error
            self._keys = KeySet.import_key_set(answer.json())
            self._fetched_at = time.monotonic()
            return True


class Truth:
    """Asks the auth service itself: for what cannot be taken back, a cached answer is too old."""

    def __init__(self, auth: httpx.AsyncClient) -> None:
        self._auth = auth

    async def scopes_of(self, token: str) -> frozenset[str]:
        """What the user behind a token may do now. Raises `SessionEnded`; nobody to ask is no."""
        question = TokenQuestion(token=token)
        try:
            answer = await self._auth.post("/v1/auth/introspect", json=question.model_dump())
            answer.raise_for_status()
            told = TokenTruth.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise Unavailable("Nobody can say now whether this is still allowed.") from error
        if not told.active:
            raise SessionEnded("The session has ended.")
        return frozenset(told.scope.split())


def new_key(kid: str) -> ECKey:
    """A new private key to sign tokens with; its name `kid` goes into every token."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


async def current_caller(request: Request) -> Caller:
    """A FastAPI dependency: the verified caller, or 401. The verifier is `app.state.verifier`."""
    verifier: Verifier = request.app.state.verifier
    return await verifier.verify(bearer_token(request, "Authorization"))


CurrentCaller = Annotated[Caller, Depends(current_caller)]


async def fresh_caller(request: Request, caller: CurrentCaller) -> Caller:
    """The same, if the session runs at this moment, with what its user may do at this moment.

    The truth is `app.state.truth`.
    """
    truth: Truth = request.app.state.truth
    scopes = await truth.scopes_of(bearer_token(request, "Authorization"))
    return replace(caller, scopes=scopes)


FreshCaller = Annotated[Caller, Depends(fresh_caller)]


async def recent_caller(caller: FreshCaller) -> Caller:
    """The same, if they have shown in these last minutes who they are; or 401 `step_up_needed`."""
    check_recent(caller.auth_time)
    return caller


RecentCaller = Annotated[Caller, Depends(recent_caller)]


def only_from(*services: str, scope: str = "") -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency for internal routes: 401 without a service's token, 403 for others,
    and for those without the scope where one is asked for."""

    async def check(request: Request) -> None:
        verifier: Verifier = request.app.state.verifier
        try:
            service = await verifier.verify_service(bearer_token(request, SERVICE_HEADER))
        except Unauthorized as error:
            raise ServiceUnknown(error.detail) from error
        if service.name not in services or (scope and scope not in service.scopes):
            raise Forbidden("This service may not ask for this.")

    return check


def only_with(scope: str) -> Callable[[Caller], Awaitable[None]]:
    """A FastAPI dependency: 403 `scope_missing` for users who have no such scope at this moment,
    and 401 `step_up_needed` for those who signed in too long ago."""

    async def check(caller: FreshCaller) -> None:
        if scope not in caller.scopes:
            raise ScopeMissing(f"This is for users with the scope {scope}.", scope=scope)
        check_recent(caller.auth_time)

    return check


def check_recent(auth_time: float) -> None:
    """Raises `StepUpNeeded` where that was not in these last minutes."""
    if time.time() - auth_time > RECENT_SECONDS:
        raise StepUpNeeded("Show once more who you are.", max_age=RECENT_SECONDS)


def bearer_token(request: Request, header: str) -> str:
    """The token in a header; raises `Unauthorized` where there is none."""
    scheme, _, token = request.headers.get(header, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(f"{header} needs a bearer token.")
    return token
