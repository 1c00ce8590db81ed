"""How one service asks another over HTTP: with its own short token, and never without a limit.

The token is fetched with a signed assertion (RFC 7523) and renewed a minute before its end.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, Self

import httpx
from authlib.common.urls import add_params_to_qs  # type: ignore[import-untyped, unused-ignore]
from authlib.oauth2.base import OAuth2Error  # type: ignore[import-untyped, unused-ignore]
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.errors import Unavailable
from chassis.identity import (
    ALGORITHMS,
    ISSUER,
    SERVICE_CHALLENGE,
    SERVICE_HEADER,
    SERVICE_SCOPE,
)
from chassis.ids import new_id
from chassis.oauth import OAuthClient

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_TYPE: Final = "client-authentication+jwt"
ASSERTION_SECONDS: Final = 60
RENEWED_BEFORE: Final = 60
"""Seconds before its end at which a token is replaced."""
PATIENCE: Final = httpx.Timeout(10, connect=2, pool=2)


class AuthUnavailable(Unavailable):
    """The auth service gave no token to call others with."""


class ServiceCalls:
    """The outgoing side of a service: clients for others that carry its token."""

    def __init__(self, service: str, key: ECKey, auth_url: str, client: httpx.AsyncClient) -> None:
        self._service = service
        self._key = key
        self._fetching = asyncio.Lock()
        self._clients = contextlib.AsyncExitStack()
        self._oauth = OAuthClient(
            session=client,
            client_id=service,
            scope=SERVICE_SCOPE,
            grant_type="client_credentials",
            token_endpoint=f"{auth_url}/v1/auth/token",
            token_endpoint_auth_method=self._prove,
        )

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, service: str, key: str, auth_url: str) -> AsyncIterator[Self]:
        """`key` is the service's private JWK as JSON; nothing is asked before the first call."""
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
            calls = cls(service, ECKey.import_key(json.loads(key)), auth_url, client)
            async with calls._clients:
                yield calls

    async def client(self, url: str, *, timeout: httpx.Timeout = PATIENCE) -> httpx.AsyncClient:
        """A client for the service at `url`; whose user's token it is, each request says itself."""
        return await self._clients.enter_async_context(
            httpx.AsyncClient(
                base_url=url, auth=_ServiceAuth(self), timeout=timeout, trust_env=False
            )
        )

    async def token(self) -> str:
        """This service's token, good for at least a minute; raises `AuthUnavailable`."""
        async with self._fetching:
            if not self._oauth.token or self._oauth.token.is_expired(RENEWED_BEFORE):
                try:
                    await self._oauth.fetch_token()
                except (httpx.HTTPError, OAuth2Error, ValueError) as error:
                    raise AuthUnavailable("There is no token to ask others with.") from error
            return str(self._oauth.token["access_token"])

    async def renewed(self, refused: str) -> str:
        """The token after this one: the key that signed it may have been taken out of use."""
        async with self._fetching:
            if self._oauth.token and self._oauth.token["access_token"] == refused:
                self._oauth.token = None
        return await self.token()

    def _prove(
        self, client: Any, method: str, url: str, headers: Any, body: str
    ) -> tuple[str, Any, str]:
        """What authlib calls to authenticate a token request."""
        proof = [("client_assertion_type", ASSERTION), ("client_assertion", self._assertion())]
        return url, headers, str(add_params_to_qs(body, proof))

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self._service,
            "sub": self._service,
            "aud": ISSUER,
            "jti": str(new_id()),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        header = {"alg": ALGORITHMS[0], "typ": ASSERTION_TYPE, "kid": self._service}
        return jwt.encode(header, claims, self._key)


class _ServiceAuth(httpx.Auth):
    """Adds the service's token, beside the user's; where it is refused another, once."""

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._calls.token()
        request.headers[SERVICE_HEADER] = f"Bearer {token}"
        response = yield request
        is_refused = response.headers.get("www-authenticate") == SERVICE_CHALLENGE
        if is_refused and isinstance(request.stream, httpx.ByteStream):
            request.headers[SERVICE_HEADER] = f"Bearer {await self._calls.renewed(token)}"
            yield request
