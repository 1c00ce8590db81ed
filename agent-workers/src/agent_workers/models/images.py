"""Pictures by the Images API, in whichever of its forms the answer comes, and never unchecked."""

import base64
import binascii
import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import anyio.to_thread
import httpx
import openai
from openai import AsyncOpenAI
from openai.types import Image, ImagesResponse

from agent_workers.models.openai import trouble_of
from agent_workers.models.pictures import MOST_BYTES, Drawn, UnfitPicture, media_type_of
from agent_workers.models.provider import ModelTrouble, Tokens, estimated_tokens

SIZE: Final = "1024x1024"
"""The one size that every model of the API makes."""
FETCH_SECONDS: Final = 30


class OpenAIPictures:
    """One picture model behind an OpenAI-compatible address.

    `form` is asked for where the model has more than one; the answer is taken in any.
    """

    def __init__(self, client: AsyncOpenAI, model: str, form: str = "") -> None:
        self._client = client
        self._model = model
        self._form: dict[str, Any] = {"response_format": form} if form else {}

    async def draw(self, prompt: str) -> Drawn:
        asked = Tokens(estimated_tokens(prompt), 0, estimated=True)
        try:
            answer = await self._client.images.generate(
                model=self._model, prompt=prompt, n=1, size=SIZE, **self._form
            )
        except openai.BadRequestError as error:
            if error.code in {"content_policy_violation", "moderation_blocked"}:
                detail = "The model refused to draw this."
                raise ModelTrouble("fatal", "refused", detail) from None
            raise trouble_of(error, asked, begun=False) from None
        except openai.APIError as error:
            raise trouble_of(error, asked, begun=False) from None
        tokens = _tokens(answer, asked)
        content = await self._content(answer.data[0] if answer.data else Image(), tokens)
        try:
            return Drawn(content, media_type_of(content), tokens)
        except UnfitPicture as error:
            raise ModelTrouble("invalid_output", "bad_picture", str(error), spent=tokens) from None

    async def _content(self, image: Image, tokens: Tokens) -> bytes:
        try:
            if image.b64_json:
                return base64.b64decode(image.b64_json, validate=True)
            if image.url:
                return await fetch(image.url, urlsplit(str(self._client.base_url)))
        except (httpx.HTTPError, OSError) as error:
            detail = f"The picture could not be fetched: {type(error).__name__}."
            raise ModelTrouble("infrastructure", "picture_away", detail, spent=tokens) from None
        except (ForbiddenAddress, binascii.Error) as error:
            raise ModelTrouble("fatal", "bad_picture", str(error), spent=tokens) from None
        detail = "The answer held no picture."
        raise ModelTrouble("invalid_output", "bad_picture", detail, spent=tokens)


class ForbiddenAddress(Exception):
    """A picture's address leads where no picture of a provider is."""


async def fetch(url: str, home: Any) -> bytes:
    """The bytes at an address that a provider gave.

    It may be anywhere public over https, or at the provider's own (`home`); it is connected to the
    very address that was checked, follows nothing, and reads no more than a picture may have.
    """
    parts = urlsplit(url)
    own = (parts.scheme, parts.hostname, parts.port) == (home.scheme, home.hostname, home.port)
    if not parts.hostname or not (own or parts.scheme == "https"):
        raise ForbiddenAddress("The picture's address is not https.")
    address = parts.hostname if own else await _public_address(parts.hostname, parts.port or 443)
    host = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    request = httpx.Request(
        "GET",
        parts._replace(netloc=f"{host}{port}", fragment="").geturl(),
        headers={"Host": f"{parts.hostname}{port}"},
        extensions={
            "sni_hostname": parts.hostname,
            "timeout": httpx.Timeout(FETCH_SECONDS).as_dict(),
        },
    )
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as client:
        answer = await client.send(request, stream=True)
        try:
            return await _bounded(answer)
        finally:
            await answer.aclose()


async def _bounded(answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK:
        raise ForbiddenAddress(f"The picture's address answered {answer.status_code}.")
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MOST_BYTES:
            raise ForbiddenAddress("The picture is too large.")
    return bytes(content)


async def _public_address(host: str, port: int) -> str:
    """Every address of the name must be public: one that is not could be the one connected to."""
    found = await anyio.to_thread.run_sync(
        lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    addresses = [str(entry[4][0]) for entry in found]
    if not all(ipaddress.ip_address(address).is_global for address in addresses):
        raise ForbiddenAddress("The picture's address is not public.")
    return addresses[0]


def _tokens(answer: ImagesResponse, asked: Tokens) -> Tokens:
    usage = answer.usage
    return Tokens(usage.input_tokens, usage.output_tokens) if usage else asked
