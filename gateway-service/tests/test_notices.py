"""Letters about journals, at the door: chosen by who is signed in, stopped by a link (R2.2b)."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

LINK = "/v1/auth/notices/stop?token=gAAAAABn-_canary-of-a-link=="
ONE_CLICK = {"Content-Type": "application/x-www-form-urlencoded"}


async def nothing(request: Request) -> Response:
    return Response(status_code=204)


async def test_one_click_in_a_mail_program_stops_them(client: Any) -> None:
    """RFC 8058: a form, no cookie and no token of a session; looking at the link does nothing."""
    client.owners.answering = nothing
    nobody = {"Authorization": ""}

    looked = await client.http.get(LINK, headers=nobody)
    before = len(client.owners.asked)
    clicked = await client.http.post(
        LINK, content="List-Unsubscribe=One-Click", headers={**nobody, **ONE_CLICK}
    )
    broken = await client.http.post(LINK[:32], headers=nobody)

    assert (looked.status_code, before, clicked.status_code, broken.status_code) == (
        *(200, 0, 204),
        422,
    )
    [(request, body)] = client.owners.asked
    assert request.url.path == "/v1/auth/notices/stop"
    assert json.loads(body) == {"token": LINK.partition("=")[2]}


async def test_what_is_wanted_is_asked_and_told(client: Any) -> None:
    async def answer(request: Request) -> Response:
        return Response(b'{"questions": true, "books": false}', media_type="application/json")

    client.owners.answering = answer
    wanted = {"questions": True, "books": False}

    put = await client.http.put("/v1/auth/notices", json=wanted)
    got = await client.http.get("/v1/auth/notices")
    nobody = await client.http.get("/v1/auth/notices", headers={"Authorization": ""})
    half = await client.http.put("/v1/auth/notices", json={"questions": True})

    assert put.json() == got.json() == wanted
    assert (nobody.status_code, half.status_code) == (401, 422)
