"""Tokens for users and services, and the assertions that services ask for theirs with."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from auth_service.keys import Ring
from auth_service.roles import Standing
from chassis.calls import ASSERTION_TYPE
from chassis.claims import (
    ALGORITHMS,
    AUDIENCE,
    BROKEN,
    ISSUER,
    LONGEST_TOKEN,
    SERVICE_SCOPE,
    TOKEN_TYPE,
    USER_SCOPE,
    Claims,
)
from chassis.errors import Unauthorized
from journal_contracts.catalogue import WORKERS
from journal_contracts.vault import VAULT_SCOPE

USER_TOKEN_LIFE: Final = timedelta(minutes=10)
SERVICE_TOKEN_LIFE: Final = timedelta(minutes=5)
LONGEST_ASSERTION_LIFE: Final = timedelta(minutes=5)
SCOPES: Final = {WORKERS: (VAULT_SCOPE,)}
"""What some services may do beyond what all may."""


class InvalidClient(Unauthorized):
    """The assertion does not prove that a known service asks."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error="invalid_client")


@dataclass(frozen=True)
class Assertion:
    """A service's proof that it is itself; `id` may be shown once before `expires_at`."""

    service: str
    id: str
    expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """Whom a token speaks for: a user, by a session, and how they proved who they are."""

    user_id: UUID
    session_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]
    standing: Standing


class Tokens:
    """Signs with the current key of the `ring`, and reads what others signed for this service."""

    def __init__(self, ring: Ring, service_keys: str, auth_url: str) -> None:
        self.ring = ring
        self._services = {
            str(key["kid"]): ECKey.import_key(key) for key in json.loads(service_keys)["keys"]
        }
        self._for_us: jwt.ClaimsOption = {
            "essential": True,
            "values": [ISSUER, f"{auth_url}/v1/auth/token"],
        }

    def for_user(self, who: SignedIn, token_id: UUID, now: datetime) -> str:
        """An access token: what a session is at this moment, for as long as it holds."""
        claims = {
            "sub": str(who.user_id),
            "sid": str(who.session_id),
            "scope": " ".join((USER_SCOPE, *who.standing.scopes)),
            "roles": list(who.standing.roles),
            "auth_time": int(who.auth_time.timestamp()),
            "amr": list(who.amr),
        }
        return self._sign(claims, token_id, now, USER_TOKEN_LIFE)

    def for_service(self, service: str, token_id: UUID, now: datetime) -> str:
        return self._sign(
            {"sub": service, "scope": " ".join((SERVICE_SCOPE, *SCOPES.get(service, ())))},
            token_id,
            now,
            SERVICE_TOKEN_LIFE,
        )

    def read_assertion(self, assertion: str, now: datetime) -> Assertion:
        """Check who signed it, for whom and until when; raises `InvalidClient`."""
        try:
            return self._read_assertion(assertion, now)
        except BROKEN as error:
            raise InvalidClient("The assertion does not hold.") from error

    def _sign(self, claims: Claims, token_id: UUID, now: datetime, life: timedelta) -> str:
        key = self.ring.current
        header = {"alg": ALGORITHMS[0], "typ": TOKEN_TYPE, "kid": key.kid}
        times = {
            "iat": int(now.timestamp()),
            "iat_ms": int(now.timestamp() * 1_000),
            "exp": int((now + life).timestamp()),
        }
        who = {"iss": ISSUER, "aud": AUDIENCE, "jti": str(token_id)}
        return jwt.encode(header, {**who, **claims, **times}, key)

    def _read_assertion(self, assertion: str, now: datetime) -> Assertion:
        if len(assertion) > LONGEST_TOKEN:
            raise ValueError("too long")
        service = str(jws.extract_compact(assertion.encode()).headers()["kid"])
        token = jwt.decode(assertion, self._services[service], algorithms=ALGORITHMS)
        if token.header.get("typ") != ASSERTION_TYPE:
            raise ValueError("not an assertion")
        itself: jwt.ClaimsOption = {"essential": True, "value": service}
        there: jwt.ClaimsOption = {"essential": True}
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()), iss=itself, sub=itself, aud=self._for_us, exp=there, jti=there
        ).validate(token.claims)
        expires_at = datetime.fromtimestamp(token.claims["exp"], now.tzinfo)
        if expires_at - now > LONGEST_ASSERTION_LIFE:
            raise ValueError("too long a life")
        return Assertion(service, str(token.claims["jti"])[:200], expires_at)
