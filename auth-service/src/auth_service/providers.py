"""Those who can say who somebody is: OpenID providers, as the settings name them.

Whoever runs the platform chose them, so an issuer may be anywhere, in one's own network too. What
it says of itself is believed no further than it must be: https alone, no redirects, so many bytes
and seconds. What is kept in memory is what anybody can fetch again; a visit is a row.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.base import OAuth2Error  # type: ignore[import-untyped, unused-ignore]
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter

from auth_service import id_tokens, security
from auth_service.id_tokens import Shown
from auth_service.outside import Outside, ProviderAway
from chassis.claims import BROKEN
from chassis.errors import NotFound, Unauthorized
from chassis.ids import now
from chassis.oauth import OAuthClient
from journal_contracts.oidc import OidcName

IN_ALL: Final = 8.0
"""Seconds for all that one request needs of a provider."""
PATIENCE: Final = httpx.Timeout(5, connect=2, pool=2)
KEPT_SECONDS: Final = 3_600.0
REFETCH_PAUSE: Final = 10.0
SCOPE: Final = "openid email"
HERE: Final = ("127.0.0.1", "::1", "localhost")
"""A provider on this machine, for tests and development, needs no https."""


class NoSuchProvider(NotFound):
    """The settings name none like this."""


class ProviderRefused(Unauthorized):
    """What was brought from the provider does not show who somebody is."""


class ProviderTold(BaseModel):
    """A provider in the settings; without a secret the client is a public one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: OidcName
    title: str
    issuer: str
    client_id: str
    client_secret: SecretStr | None = None


class Described(BaseModel):
    """What of a provider's description of itself (OpenID Connect Discovery 1.0) is used."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    def places(self) -> tuple[str, ...]:
        asked = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return (*asked, self.userinfo_endpoint) if self.userinfo_endpoint else asked


class Provider:
    """One of them; `callback` is where it sends browsers back, and nowhere else."""

    def __init__(self, told: ProviderTold, client: httpx.AsyncClient, public_url: str) -> None:
        self.told = told
        self.callback = f"{public_url}/v1/auth/oidc/{told.name}/callback"
        self._outside = Outside(client, told.name)
        self._is_here = urlsplit(told.issuer).hostname in HERE
        self._described: Described | None = None
        self._keys = KeySet([])
        self._read_at = self._turned_at = float("-inf")

    async def address(self, state: str, nonce: str, verifier: str, **more: str) -> str:
        """Where a browser is sent; raises `ProviderAway`."""
        async with _in_time():
            described = await self.described()
        url, _ = self._client(described).create_authorization_url(
            described.authorization_endpoint,
            state=state,
            code_verifier=verifier,
            nonce=nonce,
            **more,
        )
        return str(url)

    async def redeem(self, code: str, verifier: str, nonce: str) -> Shown:
        """Who somebody is, for what their browser came back with.

        Raises `ProviderAway` and `ProviderRefused`.
        """
        async with _in_time():
            described = await self.described()
            tokens = await self._redeem(described, code, verifier)
            try:
                shown, told_address = await self._read(described, tokens, nonce)
            except BROKEN as error:
                raise self.refused("id_token", error) from error
            if told_address or described.userinfo_endpoint is None:
                return shown
            return replace(shown, email=await self._ask_address(described, tokens, shown))

    def check_issuer(self, described: Described, iss: str | None) -> None:
        """That the browser was sent back by this provider (RFC 9207); raises `ProviderRefused`."""
        wanted = described.authorization_response_iss_parameter_supported
        if iss != self.told.issuer and (wanted or iss is not None):
            raise self.refused("iss")

    async def described(self) -> Described:
        """What it says of itself, an hour old at most."""
        if self._described and time.monotonic() - self._read_at < KEPT_SECONDS:
            return self._described
        where = f"{self.told.issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = await self._outside.get(self._safe(where))
        try:
            found = Described.model_validate(answer)
        except ValueError as error:
            raise self._outside.away("described wrongly") from error
        if found.issuer != self.told.issuer:
            raise self._outside.away("another issuer")
        for place in found.places():
            self._safe(place)
        self._described, self._read_at = found, time.monotonic()
        return found

    def refused(self, why: str, error: Exception | None = None) -> ProviderRefused:
        """Noted; what was brought is not repeated."""
        kind = type(error).__name__ if error else None
        security.note("oidc_refused", None, provider=self.told.name, why=why, error=kind)
        return ProviderRefused("What the provider said does not hold. Begin once more.")

    async def _redeem(self, described: Described, code: str, verifier: str) -> dict[str, Any]:
        try:
            tokens: dict[str, Any] = await self._client(described).fetch_token(
                grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except (OAuth2Error, httpx.HTTPStatusError, ValueError) as error:
            raise self.refused("code", error) from error
        return tokens

    async def _read(
        self, described: Described, tokens: dict[str, Any], nonce: str
    ) -> tuple[Shown, bool]:
        """With the keys that are known; and with new ones, where the provider may have turned:
        not more often than so, whatever tokens are brought."""
        if not self._keys.keys:
            await self._fetch_keys(described)
        try:
            return self._read_with(self._keys, tokens, nonce)
        except (InvalidKeyIdError, BadSignatureError):
            if time.monotonic() - self._turned_at < REFETCH_PAUSE:
                raise
        self._turned_at = time.monotonic()
        await self._fetch_keys(described)
        return self._read_with(self._keys, tokens, nonce)

    def _read_with(self, keys: KeySet, tokens: dict[str, Any], nonce: str) -> tuple[Shown, bool]:
        return id_tokens.read(
            tokens["id_token"],
            keys,
            issuer=self.told.issuer,
            client_id=self.told.client_id,
            nonce=nonce,
            access_token=tokens.get("access_token"),
            now=now(),
        )

    async def _fetch_keys(self, described: Described) -> None:
        answer = await self._outside.get(described.jwks_uri)
        try:
            self._keys = id_tokens.usable(answer)
        except BROKEN as error:
            raise self._outside.away("no keys") from error

    async def _ask_address(
        self, described: Described, tokens: dict[str, Any], shown: Shown
    ) -> str | None:
        """Many tell the address only at their userinfo endpoint; and of this very person."""
        headers = {"Authorization": f"Bearer {tokens.get('access_token')}"}
        told = await self._outside.get(str(described.userinfo_endpoint), headers)
        if told.get("sub") != shown.subject:
            raise self.refused("userinfo")
        return id_tokens.vouched_in(told)

    def _client(self, described: Described) -> Any:
        secret = self.told.client_secret
        methods = described.token_endpoint_auth_methods_supported
        by_post = "client_secret_basic" not in methods and "client_secret_post" in methods
        return OAuthClient(
            session=self._outside,
            client_id=self.told.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            token_endpoint_auth_method="client_secret_post" if secret and by_post else None,
            scope=SCOPE,
            redirect_uri=self.callback,
            code_challenge_method="S256",
            token_endpoint=described.token_endpoint,
        )

    def _safe(self, url: str) -> str:
        """The address, if it is https, or on this machine as its issuer is."""
        parts = urlsplit(url)
        if parts.scheme == "https" or (self._is_here and parts.hostname in HERE):
            return url
        raise self._outside.away("not https")


class Providers:
    """All that the settings name."""

    def __init__(self, told: str, client: httpx.AsyncClient, public_url: str) -> None:
        read = TypeAdapter(tuple[ProviderTold, ...]).validate_json(told)
        self._named = {each.name: Provider(each, client, public_url) for each in read}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, told: str, public_url: str) -> AsyncIterator["Providers"]:
        """Nothing is asked before somebody wants in; proxies of the environment are used."""
        async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False) as client:
            yield cls(told, client, public_url)

    def all(self) -> tuple[ProviderTold, ...]:
        return tuple(each.told for each in self._named.values())

    def named(self, name: str) -> Provider:
        """Raises `NoSuchProvider`."""
        if name not in self._named:
            raise NoSuchProvider("There is no such provider.")
        return self._named[name]

    def has(self, issuer: str) -> bool:
        """Whether somebody of this issuer can sign in now."""
        return any(each.issuer == issuer for each in self.all())


@contextlib.asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(IN_ALL):
            yield
    except TimeoutError as error:
        raise ProviderAway("The provider cannot be asked at the moment.") from error
