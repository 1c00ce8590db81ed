"""What a token says, read strictly: nothing in it is believed before its signature holds.

The header is `alg`, `typ` and `kid`, no more: a token that brings its own key, or names a place to
fetch one from, is none. Times are whole seconds.
"""

import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ISSUER = "journal-craft-crew"
AUDIENCE = "journal-craft-crew"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the name of a type of token (RFC 9068), not a token
ALGORITHMS = ["ES256"]
HEADER: Final = {"alg", "typ", "kid"}
SERVICE_SCOPE = "service"
USER_SCOPE = "user"
OPERATOR_SCOPE = "operator"
LONGEST_TOKEN = 8_192
LONGEST_LIFE: Final = 660
"""Seconds: a user's token holds for 600, and clocks differ."""
AHEAD: Final = 60
"""Seconds by which the clock of who signs may be ahead of ours."""

Claims = dict[str, Any]
BROKEN: Final = (
    *(JoseError, ValueError, KeyError, TypeError, AttributeError),
    *(OverflowError, RecursionError),
)
"""What reading a token raises that does not hold, whatever it is made of."""

_asked = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
    scope={"essential": True},
    leeway=0,
)


@dataclass(frozen=True)
class Caller:
    """Who calls, by a verified token; `scopes` say what else than a user may do."""

    user_id: UUID
    session_id: UUID
    expires_at: int
    """Seconds since 1970, UTC."""
    scopes: frozenset[str] = frozenset()
    auth_time: int = 0
    """When its user last proved who they are, likewise; 0 where the token does not say."""


def claims_of(token: str, keys: KeySet) -> Claims:
    """What a token signed with one of these keys says now; raises one of `BROKEN`."""
    decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    if set(decoded.header) != HEADER or decoded.header["typ"] != TOKEN_TYPE:
        raise ValueError("not an access token")
    claims = decoded.claims
    for name in ("exp", "nbf", "iat", "auth_time"):
        if type(claims.get(name, 0)) is not int:
            raise ValueError(f"{name} is no number of seconds")
    now = int(time.time())
    if claims["exp"] > now + LONGEST_LIFE or claims.get("iat", 0) > now + AHEAD:
        raise ValueError("from another time")
    _asked.validate({name: value for name, value in claims.items() if name != "iat"})
    return claims


def caller_of(claims: Claims) -> Caller:
    """The user that is spoken for."""
    scopes = frozenset(str(claims["scope"]).split())
    if SERVICE_SCOPE in scopes:
        raise ValueError("a service is not a user")
    return Caller(
        UUID(claims["sub"]),
        UUID(claims["sid"]),
        claims["exp"],
        scopes,
        claims.get("auth_time", 0),
    )


@dataclass(frozen=True)
class Service:
    """The service that is spoken for, and what it may do beyond what all may."""

    name: str
    scopes: frozenset[str]


def service_of(claims: Claims) -> Service:
    """The service that is spoken for."""
    first, *more = str(claims["scope"]).split(" ")
    if first != SERVICE_SCOPE or {USER_SCOPE, OPERATOR_SCOPE}.intersection(more):
        raise ValueError("a user is not a service")
    return Service(str(claims["sub"]), frozenset(more))
