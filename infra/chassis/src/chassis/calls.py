"""How one service asks another over HTTP: with its own short token, and never without a limit.

The token is fetched with a signed assertion (RFC 7523) and renewed a minute before its end.
(authlib brings no types; its stubs may or may not be installed, hence the ignores.)
"""

import asyncio
import contextlib
import json
import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, Self

import httpx
from authlib.common.urls import add_params_to_qs  # type: ignore[import-untyped, unused-ignore]
from authlib.deprecate import AuthlibDeprecationWarning  # type: ignore[import-untyped, unused-ignore]
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped, unused-ignore]
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.errors import Unavailable
from chassis.identity import ALGORITHMS, ISSUER, SERVICE_HEADER, SERVICE_SCOPE
from chassis.ids import new_id

with warnings.catch_warnings():  # it would rather have httpx2, which is httpx under a new name
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import (  # type: ignore[import-untyped, unused-ignore]
        AsyncOAuth2Client,
    )

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_TYPE: Final = "client-authentication+jwt"
ASSERTION_SECONDS: Final = 60
PATIENCE: Final = httpx.Timeout(10, connect=2, pool=2)


class AuthUnavailable(Unavailable):
    """The auth service gave no token to call others with."""


class ServiceCalls:
    """The outgoing side of a service: clients for others that carry its token."""

    def __init__(self, service: str, key: ECKey, auth_url: str) -> None:
        self._service = service
        self._key = key
        self._url = f"{auth_url}/v1/auth/token"
        self._fetching = asyncio.Lock()
        self._clients = contextlib.AsyncExitStack()
        self._oauth = AsyncOAuth2Client(
            client_id=service,
            scope=SERVICE_SCOPE,
            token_endpoint=self._url,
            token_endpoint_auth_method=self._with_assertion,
            grant_type="client_credentials",
            trust_env=False,
            timeout=PATIENCE,
        )

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, service: str, key: str, auth_url: str) -> AsyncIterator[Self]:
        """`key` is the service's private JWK as JSON; nothing is asked before the first call."""
        calls = cls(service, ECKey.import_key(json.loads(key)), auth_url)
        async with calls._oauth, calls._clients:
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
            try:
                if not self._oauth.token:
                    await self._oauth.fetch_token()
                await self._oauth.ensure_active_token(  # type: ignore[no-untyped-call, unused-ignore]  # half typed
                    self._oauth.token
                )
            except (httpx.HTTPError, OAuthError, ValueError) as error:
                raise AuthUnavailable("There is no token to ask others with.") from error
            return str(self._oauth.token["access_token"])

    def _with_assertion(
        self, client: Any, method: str, uri: str, headers: Any, body: Any
    ) -> tuple[str, Any, str]:
        """What authlib calls to authenticate a token request."""
        proof = [("client_assertion_type", ASSERTION), ("client_assertion", self._assertion())]
        body = add_params_to_qs(body.decode(), proof)
        headers["Content-Length"] = str(len(body))
        return uri, headers, body

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
    """Adds the service's token to each request, beside the user's."""

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers[SERVICE_HEADER] = f"Bearer {await self._calls.token()}"
        yield request
