"""All that is kept of somebody is joined at the door, or refused whole (R7.1)."""

import asyncio
import io
import json
import zipfile
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

ORDER = {"password": "a long pass phrase"}
FILES = {"documents/diary.md": 5, "journals/1/journal.pdf": 6, "gone.txt": 1}


async def answer(request: Request) -> Response:
    """The owners, each with what is its own."""
    path = request.url.path
    if path.endswith("/files"):
        return JSONResponse(FILES)
    if "/files/" in path:
        found = path.endswith((".md", ".pdf"))
        return Response(path.encode() if found else b"", 200 if found else 404)
    return JSONResponse({"asked": [{"path": path}]})


async def test_an_export_is_a_zip_of_what_each_owner_tells_and_all_files(client: Any) -> None:
    client.owners.answering = answer

    told = await client.http.post("/v1/auth/export", json=ORDER)

    with zipfile.ZipFile(io.BytesIO(told.content)) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    mine = f"/v1/exports/{client.user_id}"
    assert told.headers["content-type"] == "application/zip"
    assert json.loads(found["auth-service.json"])["asked"] == [{"path": "/v1/auth/export"}]
    for service in ("orchestrator-service", "agent-workers", "media-service"):
        assert json.loads(found[f"{service}.json"])["asked"] == [{"path": mine}]
    assert found["files/documents/diary.md"] == f"{mine}/files/documents/diary.md".encode()
    assert "files/gone.txt" not in found
    for request, _ in client.owners.asked:
        at_auth = request.url.path.startswith("/v1/auth/")
        assert ("authorization" in request.headers) == at_auth
        assert "service-authorization" in request.headers


async def test_all_owners_are_asked_at_once(client: Any) -> None:
    """Nobody is answered before all of them were asked."""
    asked, all_asked = list[str](), asyncio.Event()

    async def waiting(request: Request) -> Response:
        path = request.url.path
        if not path.startswith("/v1/auth/") and "/files/" not in path:
            asked.append(path)
            if len(asked) == 4:
                all_asked.set()
            async with asyncio.timeout(20):
                await all_asked.wait()
        return await answer(request)

    client.owners.answering = waiting
    told = await client.http.post("/v1/auth/export", json=ORDER)

    assert told.status_code == 200
    mine = f"/v1/exports/{client.user_id}"
    assert sorted(asked) == [mine, mine, mine, f"{mine}/files"]


@pytest.mark.parametrize("away", ["/v1/auth/export", "/v1/exports", "/files"])
async def test_an_owner_who_refuses_or_is_away_is_no_torn_archive(client: Any, away: str) -> None:
    async def refusing(request: Request) -> Response:
        if away in request.url.path:
            return JSONResponse({"code": "wrong_credentials"}, 401)
        return await answer(request)

    client.owners.answering = refusing
    told = await client.http.post("/v1/auth/export", json=ORDER)

    assert told.status_code == (401 if "auth" in away else 503)
