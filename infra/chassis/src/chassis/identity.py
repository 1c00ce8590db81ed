"""Who is calling: access tokens are verified here, with the public keys of the auth service.

A user comes with `Authorization: Bearer`; a service that asks in a user's name adds its own token
as `Service-Authorization: Bearer`, and routes marked `only_from` want to see it. Routes marked
`only_with` want a user's token with a scope.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

import httpx
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from chassis.errors import Forbidden, Unauthorized, Unavailable

ISSUER = "journal-craft-crew"
AUDIENCE = "journal-craft-crew"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the name of a type of token (RFC 9068), not a token
ALGORITHMS = ["ES256"]
SERVICE_SCOPE = "service"
USER_SCOPE = "user"
OPERATOR_SCOPE = "operator"
SERVICE_HEADER = "Service-Authorization"
LONGEST_TOKEN = 8_192
REFETCH_PAUSE = 10.0

T = TypeVar("T")


@dataclass(frozen=True)
class Caller:
    """Who calls, by a verified token; `scopes` say what else than a user may do."""

    user_id: UUID
    session_id: UUID
    expires_at: int
    """Seconds since 1970, UTC."""
    scopes: frozenset[str] = frozenset()


class ScopeMissing(Forbidden):
    """A good token, but not of somebody who may do this."""


class Verifier:
    """Checks tokens locally; an unknown key id makes it fetch the keys once more, then pause."""

    def __init__(self, client: httpx.AsyncClient, auth_url: str) -> None:
        self._client = client
        self._url = f"{auth_url}/.well-known/jwks.json"
        self._keys = KeySet([])
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
            scope={"essential": True},
        )

    async def verify(self, token: str) -> Caller:
        """The user this token speaks for; raises `Unauthorized`, or `Unavailable` without keys."""
        return await self._checked(token, _caller)

    async def verify_service(self, token: str) -> str:
        """The name of the service this token speaks for; raises the same."""
        return await self._checked(token, _service)

    async def _checked(self, token: str, meaning: Callable[[dict[str, Any]], T]) -> T:
        if len(token) > LONGEST_TOKEN:
            raise Unauthorized("The token is too long.")
        known_since = self._fetched_at
        try:
            return meaning(self._claims_of(token))
        except (JoseError, ValueError, KeyError, TypeError) as first:
            if not await self._fetch_keys(known_since):
                raise Unauthorized("The token does not hold.") from first
        try:
            return meaning(self._claims_of(token))
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise Unauthorized("The token does not hold.") from error

    def _claims_of(self, token: str) -> dict[str, Any]:
        decoded = jwt.decode(token, self._keys, algorithms=ALGORITHMS)
        if decoded.header.get("typ") != TOKEN_TYPE:
            raise ValueError("not an access token")
        self._claims.validate(decoded.claims)
        return decoded.claims

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
            except httpx.HTTPError as error:
                if self._keys.keys:
                    return False
                raise Unavailable("Tokens cannot be checked at the moment.") from error
            self._keys = KeySet.import_key_set(answer.json())
            self._fetched_at = time.monotonic()
            return True


def new_key(kid: str) -> ECKey:
    """A new private key to sign tokens with; its name `kid` goes into every token."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


async def current_caller(request: Request) -> Caller:
    """A FastAPI dependency: the verified caller, or 401. The verifier is `app.state.verifier`."""
    verifier: Verifier = request.app.state.verifier
    return await verifier.verify(bearer_token(request, "Authorization"))


CurrentCaller = Annotated[Caller, Depends(current_caller)]


def only_from(*services: str) -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency for internal routes: 401 without a service's token, 403 for others."""

    async def check(request: Request) -> None:
        verifier: Verifier = request.app.state.verifier
        service = await verifier.verify_service(bearer_token(request, SERVICE_HEADER))
        if service not in services:
            raise Forbidden("This service may not ask for this.")

    return check


def only_with(scope: str) -> Callable[[Caller], Awaitable[None]]:
    """A FastAPI dependency: 403 `scope_missing` for users whose token has no such scope."""

    async def check(caller: CurrentCaller) -> None:
        if scope not in caller.scopes:
            raise ScopeMissing(f"This is for a token with the scope {scope}.", scope=scope)

    return check


def bearer_token(request: Request, header: str) -> str:
    """The token in a header; raises `Unauthorized` where there is none."""
    scheme, _, token = request.headers.get(header, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(f"{header} needs a bearer token.")
    return token


def _caller(claims: dict[str, Any]) -> Caller:
    scopes = frozenset(str(claims["scope"]).split())
    if SERVICE_SCOPE in scopes:
        raise ValueError("a service is not a user")
    return Caller(UUID(claims["sub"]), UUID(claims["sid"]), int(claims["exp"]), scopes)


def _service(claims: dict[str, Any]) -> str:
    if claims["scope"] != SERVICE_SCOPE:
        raise ValueError("a user is not a service")
    return str(claims["sub"])
