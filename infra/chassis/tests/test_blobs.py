"""Bytes under keys, the same on S3 and in a folder (R6.1c-d)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.blobs import BadKey, BlobMissing, Blobs, open_blobs


@pytest.fixture(params=["s3", "folder"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    url = request.getfixturevalue("blobs_url") if request.param == "s3" else f"file://{tmp_path}/b"
    async with open_blobs(url) as blobs:
        yield blobs


async def test_what_is_stored_is_read_again_whole_and_in_part(blobs: Blobs) -> None:
    content = bytes(range(256)) * 4_000

    kept = await blobs.put("users/1/a.bin", content, "application/octet-stream")

    assert (kept.key, kept.bytes, len(kept.sha256)) == ("users/1/a.bin", len(content), 64)
    assert await blobs.get("users/1/a.bin") == content
    part = b"".join([chunk async for chunk in blobs.read("users/1/a.bin", 10, 700_000)])
    assert part == content[10:700_001]


async def test_a_prefix_is_forgotten_and_its_neighbours_stay(blobs: Blobs) -> None:
    for key in ("users/1/a", "users/1/b/c", "users/12/a"):
        await blobs.put(key, b"x", "text/plain")

    await blobs.remove_all("users/1/")

    for key in ("users/1/a", "users/1/b/c"):
        with pytest.raises(BlobMissing):
            await blobs.get(key)
    assert await blobs.get("users/12/a") == b"x"


@pytest.mark.parametrize(
    "key", ["", "../x", "/abs", "a//b", "a/../b", ".hidden", "a/", "a b", "a\n"]
)
async def test_what_could_climb_is_no_key(key: str, blobs: Blobs) -> None:
    with pytest.raises(BadKey):
        await blobs.put(key, b"x", "text/plain")
    with pytest.raises(BadKey):
        await blobs.get(key)
