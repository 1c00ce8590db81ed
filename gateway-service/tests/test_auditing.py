"""The audit at the door: asked in the operator's name, and its answer passed on (R9.2d)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


async def test_the_auth_service_decides_who_reads_the_audit(client: Any) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"code": "scope_missing"}, 403)

    client.owners.answering = refuse
    answer = await client.http.get("/v1/audit?since=2026-11-01T00:00:00Z")

    request, _ = client.owners.asked[-1]
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (request.url.path, request.query_params["since"]) == (
        "/v1/audit",
        "2026-11-01T00:00:00+00:00",
    )
    assert request.headers["authorization"] == f"Bearer {client.token}"
