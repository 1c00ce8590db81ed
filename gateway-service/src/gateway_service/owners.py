"""The owners of the data behind the door: asked over HTTP, their answers passed on as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import httpx
from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from opentelemetry import propagate
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from chassis.errors import Unavailable
from chassis.identity import bearer_token

PASSED_ON: Final = (
    "content-type",
    "location",
    "retry-after",
    "www-authenticate",
    "cache-control",
    "content-security-policy",
    "etag",
)
PASSED_ON_WITH_FILES: Final = (
    *PASSED_ON,
    "content-length",
    "content-range",
    "content-disposition",
    "accept-ranges",
    "last-modified",
)
Params = Mapping[str, str | int | Sequence[str]]
PROBLEM: Final = "application/problem+json"


class OwnerUnavailable(Unavailable):
    """The service that owns this is away, hangs, or answers nonsense."""

    def __init__(self, owner: str) -> None:
        super().__init__("This cannot be answered at the moment.")
        self._owner = owner

    @property
    def code(self) -> str:
        return f"{self._owner}_unavailable"


class Owner:
    """One service behind the door."""

    def __init__(self, name: str, client: httpx.AsyncClient) -> None:
        self.name = name
        self._client = client

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: BaseModel | None = None,
        content: bytes | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The owner's whole answer, whatever its status; raises `OwnerUnavailable`.

        A `body` goes as JSON, `content` as it is.
        """
        if body is not None:
            content = body.model_dump_json(exclude_unset=True).encode()
        asked = self._client.build_request(
            method, path, content=content, params=params, headers=_headers(token, headers, content)
        )
        return await self._send(asked, stream=False)

    async def open(
        self, method: str, path: str, *, token: str | None = None, headers: Mapping[str, str]
    ) -> httpx.Response:
        """An answer whose body has not been read; whoever opens it closes it."""
        asked = self._client.build_request(method, path, headers=_headers(token, headers, None))
        return await self._send(asked, stream=True)

    async def _send(self, asked: httpx.Request, *, stream: bool) -> httpx.Response:
        try:
            answer = await self._client.send(asked, stream=stream)
        except httpx.HTTPError as error:
            raise OwnerUnavailable(self.name) from error
        if answer.is_server_error and answer.headers.get("content-type") != PROBLEM:
            await answer.aclose()
            raise OwnerUnavailable(self.name)
        return answer


@dataclass(frozen=True)
class Owners:
    """All of them."""

    auth: Owner
    orchestrator: Owner
    media: Owner
    workers: Owner


def owners(request: Request) -> Owners:
    found: Owners = request.app.state.owners
    return found


AskedOwners = Annotated[Owners, Depends(owners)]


def passed_on(answer: httpx.Response) -> Response:
    """The owner's answer, unchanged: its status, its body, and the headers that are for clients."""
    return Response(answer.content, answer.status_code, _kept(answer, PASSED_ON))


async def asked(
    request: Request,
    owner: Owner,
    method: str,
    path: str,
    *,
    body: BaseModel | None = None,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """What an owner answers whoever signed the request, passed on."""
    token = bearer_token(request, "Authorization")
    return passed_on(
        await owner.ask(method, path, token=token, body=body, params=params, headers=headers)
    )


class PassedOnFile(StreamingResponse):
    """An owner's file on its way through, chunk by chunk; the owner is let go at the end."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(
            answer.aiter_raw(), answer.status_code, _kept(answer, PASSED_ON_WITH_FILES)
        )
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._answer.aclose()


def picked(request: Request, *names: str) -> dict[str, str]:
    """Those of the client's headers that are for the owner."""
    return {name: request.headers[name] for name in names if name in request.headers}


def _headers(
    token: str | None, more: Mapping[str, str] | None, content: bytes | None
) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", **(more or {})}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if content is not None:
        headers["Content-Type"] = "application/json"
    propagate.inject(headers)
    return headers


def _kept(answer: httpx.Response, names: tuple[str, ...]) -> dict[str, str]:
    return {name: answer.headers[name] for name in names if name in answer.headers}
