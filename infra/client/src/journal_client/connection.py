"""A connection in a user's name: tokens are fetched when needed, requests are sent again."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel

from journal_client.problems import Refused, Unreachable, problem_of
from journal_contracts.api import Credentials, TokenView

REGISTER, LOGIN, REFRESH = "/v1/auth/register", "/v1/auth/login", "/v1/auth/refresh"
STEP_UP_NEEDED: Final = "step_up_needed"
SPENT: Final = {httpx.codes.UNAUTHORIZED, httpx.codes.CONFLICT}
"""A refresh token that does not hold, or whose answer was lost: the password is asked again."""
TRIES: Final = 8
WORTH_ANOTHER_TRY: Final = {429, 502, 503, 504}
LONGEST_PAUSE: Final = 5.0
RENEW_AT: Final = 0.8
"""The part of a token's life after which a new one is fetched."""

V = TypeVar("V", bound=BaseModel)


class Connection:
    """What the routes stand on."""

    def __init__(self, url: str, http: httpx.AsyncClient, credentials: Credentials) -> None:
        self.url = url
        self._http = http
        self._credentials = credentials
        self._token = ""
        self._refresh_token: str | None = None
        self._renew_at = 0.0
        self._signing_in = asyncio.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str, credentials: Credentials) -> AsyncIterator[Self]:
        """A client with connections of its own; the shell's proxies are not for these."""
        timeout = httpx.Timeout(30, connect=5)
        async with httpx.AsyncClient(base_url=url, timeout=timeout, trust_env=False) as http:
            yield cls(url, http, credentials)

    async def token(self, *, fresh: bool = False) -> str:
        """A token that holds for a while yet."""
        shown = self._token
        async with self._signing_in:
            stale = time.monotonic() > self._renew_at or (fresh and shown == self._token)
            if stale:
                view = await self._go_on() or await self._sign_in()
                self._refresh_token = view.refresh_token
                self._hold(view)
            return self._token

    def _hold(self, view: TokenView) -> None:
        self._token = view.access_token
        self._renew_at = time.monotonic() + RENEW_AT * view.expires_in

    async def _go_on(self) -> TokenView | None:
        """The session's next token; None where it has none, or does not go on."""
        token, self._refresh_token = self._refresh_token, None
        if token is None:
            return None
        try:
            answer = await self._send("POST", REFRESH, json={"refresh_token": token})
        except Refused as refused:
            if refused.problem.status not in SPENT:
                raise
            return None
        return TokenView.model_validate_json(answer.content)

    async def _sign_in(self) -> TokenView:
        answer = await self._send("POST", LOGIN, json=self._credentials.model_dump())
        return TokenView.model_validate_json(answer.content)

    async def _get(self, kind: type[V], path: str, **params: Any) -> V:
        """What is there; a parameter that is None is left to the platform."""
        told = {name: value for name, value in params.items() if value is not None}
        return kind.model_validate_json((await self._ask("GET", path, params=told)).content)

    async def _do(self, method: str, path: str, body: BaseModel | None = None) -> httpx.Response:
        """Something that answers nothing, or not in JSON."""
        return await self._ask(method, path, json=_told(body))

    async def _tell(
        self,
        kind: type[V],
        method: str,
        path: str,
        body: BaseModel | None = None,
        **headers: str | None,
    ) -> V:
        """Something that answers with what is there now."""
        told = {name.replace("_", "-"): value for name, value in headers.items() if value}
        answer = await self._ask(method, path, json=_told(body), headers=told)
        return kind.model_validate_json(answer.content)

    async def _say(self, path: str, body: BaseModel) -> httpx.Response:
        """Something that needs nobody to be signed in."""
        return await self._send("POST", path, json=_told(body))

    async def _ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """A request in the user's name; a token that no longer holds is replaced once."""
        for fresh in (False, True):
            token = await self.token(fresh=fresh)
            signed = {**(headers or {}), "Authorization": f"Bearer {token}"}
            try:
                return await self._send(method, path, headers=signed, **body)
            except Refused as refused:
                if fresh or refused.problem.status != httpx.codes.UNAUTHORIZED:
                    raise
                if refused.problem.code == STEP_UP_NEEDED:  # the password is asked, not the session
                    self._refresh_token = None
        raise AssertionError("the second round returns or raises")

    async def _chunks(
        self, method: str, url: str, *, ours: bool = True, body: BaseModel | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes of an answer as they come; the token goes to the platform only."""
        headers = {"Authorization": f"Bearer {await self.token()}"} if ours else {}
        told: Any = {} if body is None else {"json": _told(body)}
        async with self._http.stream(method, url, headers=headers, **told) as answer:
            if answer.is_error:
                await answer.aread()
                raise Refused(problem_of(answer))
            async for chunk in answer.aiter_bytes():
                yield chunk

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                answer = await self._http.request(method, path, **request)
            except httpx.TransportError as error:
                if last:
                    raise Unreachable(f"{self.url} does not answer: {error!r}") from error
                await asyncio.sleep(_pause(attempt, None))
                continue
            if answer.is_success:
                return answer
            if last or not _is_worth_another_try(answer):
                raise Refused(problem_of(answer))
            await asyncio.sleep(_pause(attempt, answer.headers.get("Retry-After")))
        raise AssertionError("the last try returns or raises")


def key_of(key: str | None) -> str:
    """The key of a request that creates; one that is sent again has the same."""
    return key or str(uuid4())


def _told(body: BaseModel | None) -> Any:
    return None if body is None else body.model_dump(mode="json", exclude_none=True)


def _is_worth_another_try(answer: httpx.Response) -> bool:
    """Also where we are told when to come back: our own request may be under way still."""
    return answer.status_code in WORTH_ANOTHER_TRY or "Retry-After" in answer.headers


def _pause(attempt: int, asked: str | None) -> float:
    """What the platform asked for, else full jitter up to a bound that doubles; never long."""
    if asked and asked.isdigit():
        return min(float(asked), LONGEST_PAUSE)
    return random.uniform(0.05, min(LONGEST_PAUSE, 0.2 * 2**attempt))
