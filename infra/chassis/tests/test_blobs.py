"""Bytes under keys, the same on S3 and in a folder (R6.1c-d)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.blobs import BadKey, BlobMissing, Blobs, open_blobs

NO_KEYS = ("", "../x", "/abs", "a//b", "a/../b", ".hidden", "a/.hidden", "a/", "a b", "a\n")


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


async def test_a_prefix_tells_its_keys_and_their_sizes_and_no_neighbours(blobs: Blobs) -> None:
    for key, content in (("users/1/b", b"four"), ("users/1/a/c", b"x"), ("users/12/a", b"y")):
        await blobs.put(key, content, "text/plain")

    assert await blobs.sizes("users/1/") == {"users/1/a/c": 1, "users/1/b": 4}
    assert await blobs.sizes("users/3/") == {}
    with pytest.raises(BadKey):
        await blobs.sizes("users/../")


async def test_storing_again_replaces_what_was_there(blobs: Blobs) -> None:
    first = await blobs.put("a", b"one", "text/plain")
    again = await blobs.put("a", b"one", "text/plain")
    await blobs.put("a", b"three", "text/plain")

    assert first == again
    assert await blobs.get("a") == b"three"


async def test_the_same_may_be_stored_at_the_same_time(blobs: Blobs) -> None:
    content = b"x" * 100_000
    await asyncio.gather(*(blobs.put("a/b", content, "text/plain") for _ in range(4)))

    assert await blobs.get("a/b") == content


async def test_both_ends_of_a_range_are_included(blobs: Blobs) -> None:
    await blobs.put("a", b"0123456789", "text/plain")

    for first, last, part in ((0, 0, b"0"), (9, 9, b"9"), (3, 5, b"345"), (8, 99, b"89")):
        assert b"".join([chunk async for chunk in blobs.read("a", first, last)]) == part


async def test_what_is_not_there_is_missing(blobs: Blobs) -> None:
    await blobs.put("a/b", b"x", "text/plain")

    for key in ("nothing", "a/nothing", "a", "a/b/c"):
        with pytest.raises(BlobMissing):
            await blobs.get(key)
        with pytest.raises(BlobMissing):
            [chunk async for chunk in blobs.read(key, 0, 0)]


async def test_one_key_is_forgotten_and_its_neighbours_stay(blobs: Blobs) -> None:
    for key in ("users/2/a", "users/2/ab", "users/2/a.b"):
        await blobs.put(key, b"x", "text/plain")

    await blobs.remove("users/2/a")

    assert set(await blobs.sizes("users/2/")) == {"users/2/ab", "users/2/a.b"}
    with pytest.raises(BadKey):
        await blobs.remove("users/../2/ab")


async def test_forgetting_what_is_not_there_is_no_error(blobs: Blobs) -> None:
    await blobs.remove_all("users/nobody/")
    await blobs.remove("users/nobody/a")


async def test_a_prefix_that_could_climb_is_never_forgotten(blobs: Blobs) -> None:
    await blobs.put("a", b"x", "text/plain")

    for prefix in ("", "/", "../", "a/../../", "/etc/"):
        with pytest.raises(BadKey):
            await blobs.remove_all(prefix)
    assert await blobs.get("a") == b"x"


async def test_a_store_that_is_there_answers(blobs: Blobs) -> None:
    await blobs.ping()


async def test_what_could_climb_is_no_key(blobs: Blobs) -> None:
    for key in NO_KEYS:
        with pytest.raises(BadKey):
            await blobs.put(key, b"x", "text/plain")
        with pytest.raises(BadKey):
            await blobs.get(key)
        with pytest.raises(BadKey):
            [chunk async for chunk in blobs.read(key, 0, 0)]
