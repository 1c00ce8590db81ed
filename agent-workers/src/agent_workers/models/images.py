"""Pictures by the Images API, in whichever of its forms the answer comes, and never unchecked."""

import base64
import binascii
import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import anyio.to_thread
import httpx
import openai
from openai import AsyncOpenAI
from openai.types import Image, ImagesResponse

from agent_workers.models.openai import trouble_of
from agent_workers.models.provider import ModelTrouble, Tokens, estimated_tokens

SIZE: Final = "1024x1024"
"""The one size that every model of the API makes."""
OUTPUT: Final = 6_300
"""Tokens that the largest picture weighs, of the models that count them."""
MOST_BYTES: Final = 25_000_000
MOST_PIXELS: Final = 25_000_000
LEAST_SIDE: Final = 64
FETCH_SECONDS: Final = 30


@dataclass(frozen=True)
class Drawn:
    """A picture as it came, and what it cost."""

    content: bytes
    media_type: str
    tokens: Tokens


class Pictures(Protocol):
    """What makes pictures."""

    async def draw(self, prompt: str) -> Drawn:
        """One picture, checked. Cancelling closes the connection."""
        ...


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


class UnfitPicture(Exception):
    """Bytes that are no picture, or none that can be set in a book."""


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


def media_type_of(content: bytes) -> str:
    """By what it is, never by what it is called; raises `UnfitPicture`."""
    if len(content) > MOST_BYTES:
        raise UnfitPicture("The picture is too large.")
    media_type, (width, height) = _measured(content)
    if min(width, height) < LEAST_SIDE or width * height > MOST_PIXELS:
        raise UnfitPicture(f"The picture has {width} x {height} pixels.")
    return media_type


def _measured(content: bytes) -> tuple[str, tuple[int, int]]:
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
            return "image/png", struct.unpack(">II", content[16:24])
        if content.startswith(b"\xff\xd8\xff"):
            return "image/jpeg", _of_jpeg(content)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return "image/webp", _of_webp(content)
    except (struct.error, IndexError):
        raise UnfitPicture("The picture ends before it begins.") from None
    raise UnfitPicture("The picture is neither PNG, JPEG nor WebP.")


def _of_jpeg(content: bytes) -> tuple[int, int]:
    """The frame header among the segments: each has a marker, and its own length.

    The mark of the end must be there: readers paint the rest of half a picture grey.
    """
    if not content.endswith(b"\xff\xd9"):
        raise UnfitPicture("The picture has no end.")
    at = 2
    while content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    raise UnfitPicture("The picture has no size.")


def _of_webp(content: bytes) -> tuple[int, int]:
    """Extended, lossless and lossy files say it in three ways."""
    match content[12:16]:
        case b"VP8X":
            sides = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
            return next(sides), next(sides)
        case b"VP8L":
            bits = int(struct.unpack("<I", content[21:25])[0])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack("<HH", content[26:30])
            return width & 0x3FFF, height & 0x3FFF
    raise UnfitPicture("The picture has no size.")


def _tokens(answer: ImagesResponse, asked: Tokens) -> Tokens:
    usage = answer.usage
    return Tokens(usage.input_tokens, usage.output_tokens) if usage else asked
