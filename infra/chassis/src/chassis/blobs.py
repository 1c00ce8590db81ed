"""Bytes under keys: S3 in earnest, a folder for development.

The minio SDK signs and asks; the bytes themselves travel over signed URLs with an async client.
"""

import asyncio
import contextlib
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
from minio import Minio
from minio.deleteobjects import DeleteObject

from chassis.ids import new_id
from journal_contracts.artifacts import Blob

KEY: Final = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")
CHUNK: Final = 256 * 1024


class BlobMissing(LookupError):
    """There are no bytes under this key."""


class BadKey(ValueError):
    """Not a key: it could leave the place it is meant for."""


class Blobs(Protocol):
    """Where the bytes lie."""

    async def put(self, key: str, content: bytes, media_type: str) -> Blob:
        """Store bytes and describe them. Storing the same again changes nothing."""
        ...

    async def get(self, key: str) -> bytes:
        """All bytes under a key."""
        ...

    def read(self, key: str, first: int, last: int) -> AsyncIterator[bytes]:
        """The bytes `first` to `last`, both included, in chunks."""
        ...

    async def sizes(self, prefix: str) -> dict[str, int]:
        """How many bytes lie under each key of a prefix that ends in a slash, by key in order."""
        ...

    async def remove(self, key: str) -> None:
        """Forget what lies under a key, if anything does."""
        ...

    async def remove_all(self, prefix: str) -> None:
        """Forget everything under a prefix that ends in a slash."""
        ...

    async def ping(self) -> None:
        """Raises when the store is away."""
        ...


@contextlib.asynccontextmanager
async def open_blobs(url: str) -> AsyncIterator[Blobs]:
    """`http://ACCESS:SECRET@host:port/bucket?region=...`, or `file:///folder`."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        yield FolderBlobs(Path(parts.path))
        return
    async with httpx.AsyncClient(timeout=httpx.Timeout(30, connect=5)) as client:
        blobs = S3Blobs(url, client)
        await blobs.make_bucket()
        yield blobs


class S3Blobs:
    """One bucket of an S3 store."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        parts = urlsplit(url)
        self._bucket = parts.path.strip("/")
        self._client = client
        self._minio = Minio(
            f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname),
            access_key=unquote(parts.username or ""),
            secret_key=unquote(parts.password or ""),
            secure=parts.scheme == "https",
            region=parse_qs(parts.query).get("region", ["us-east-1"])[0],
        )

    async def make_bucket(self) -> None:
        if not await asyncio.to_thread(self._minio.bucket_exists, self._bucket):
            await asyncio.to_thread(self._minio.make_bucket, self._bucket)

    async def put(self, key: str, content: bytes, media_type: str) -> Blob:
        url = self._minio.presigned_put_object(self._bucket, checked(key), timedelta(minutes=5))
        answer = await self._client.put(url, content=content, headers={"Content-Type": media_type})
        answer.raise_for_status()
        return describe(key, content, media_type)

    async def get(self, key: str) -> bytes:
        answer = await self._client.get(self._signed(key))
        _found(answer, key)
        return answer.content

    async def read(self, key: str, first: int, last: int) -> AsyncIterator[bytes]:
        headers = {"Range": f"bytes={first}-{last}"}
        async with self._client.stream("GET", self._signed(key), headers=headers) as answer:
            _found(answer, key)
            async for chunk in answer.aiter_bytes(CHUNK):
                yield chunk

    async def sizes(self, prefix: str) -> dict[str, int]:
        return await asyncio.to_thread(self._sizes, checked(prefix.rstrip("/")) + "/")

    async def remove(self, key: str) -> None:
        await asyncio.to_thread(self._minio.remove_object, self._bucket, checked(key))

    async def remove_all(self, prefix: str) -> None:
        await asyncio.to_thread(self._remove_all, checked(prefix.rstrip("/")) + "/")

    async def ping(self) -> None:
        await asyncio.to_thread(self._minio.bucket_exists, self._bucket)

    def _signed(self, key: str) -> str:
        return self._minio.presigned_get_object(self._bucket, checked(key), timedelta(minutes=5))

    def _sizes(self, prefix: str) -> dict[str, int]:
        found = self._minio.list_objects(self._bucket, prefix, recursive=True)
        named = {str(item.object_name): int(item.size or 0) for item in found}
        return {key: named[key] for key in sorted(named) if KEY.fullmatch(key)}

    def _remove_all(self, prefix: str) -> None:
        found = self._minio.list_objects(self._bucket, prefix, recursive=True)
        doomed = (DeleteObject(item.object_name) for item in found if item.object_name)
        for error in self._minio.remove_objects(self._bucket, doomed):
            raise OSError(f"could not remove {error.name}: {error.code}")


class FolderBlobs:
    """A folder; a file is written beside its place and moved there, so that none is ever half."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def put(self, key: str, content: bytes, media_type: str) -> Blob:
        place = self._folder / checked(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.{new_id()}.draft")
        await asyncio.to_thread(draft.write_bytes, content)
        draft.replace(place)
        return describe(key, content, media_type)

    async def get(self, key: str) -> bytes:
        try:
            return await asyncio.to_thread((self._folder / checked(key)).read_bytes)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise BlobMissing(key) from error

    async def read(self, key: str, first: int, last: int) -> AsyncIterator[bytes]:
        content = await self.get(key)
        for start in range(first, last + 1, CHUNK):
            yield content[start : min(start + CHUNK, last + 1)]

    async def sizes(self, prefix: str) -> dict[str, int]:
        place = self._folder / checked(prefix.rstrip("/"))
        return await asyncio.to_thread(self._sizes, place)

    async def remove(self, key: str) -> None:
        (self._folder / checked(key)).unlink(missing_ok=True)

    async def remove_all(self, prefix: str) -> None:
        place = self._folder / checked(prefix.rstrip("/"))
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    async def ping(self) -> None:
        if not self._folder.is_dir():
            raise FileNotFoundError(self._folder)

    def _sizes(self, place: Path) -> dict[str, int]:
        """What is no key, a draft being written for one, is not there yet."""
        found = {
            file.relative_to(self._folder).as_posix(): file.stat().st_size
            for file in sorted(place.rglob("*"))
            if file.is_file() and not file.is_symlink()
        }
        return {key: size for key, size in found.items() if KEY.fullmatch(key)}


def checked(key: str) -> str:
    """The key, if it is one; ids from outside never become paths that climb."""
    if not KEY.fullmatch(key):
        raise BadKey(key)
    return key


def describe(key: str, content: bytes, media_type: str) -> Blob:
    """What is kept of bytes besides the bytes: where, what, how many, SHA-256."""
    digest = hashlib.sha256(content).hexdigest()
    return Blob(key=key, media_type=media_type, bytes=len(content), sha256=digest)


def _found(answer: httpx.Response, key: str) -> None:
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise BlobMissing(key)
    answer.raise_for_status()
