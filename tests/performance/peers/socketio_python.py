"""python-socketio as its documentation shows it, on uvicorn and uvloop; the same as `server.js`."""

import asyncio
import json
import sys
import time
from typing import Any
from urllib.parse import parse_qs

import socketio  # type: ignore[import-not-found] # its own Python
import uvicorn

sio = socketio.AsyncServer(async_mode="asgi", transports=["websocket"], http_compression=False)
here = 0
going: set[asyncio.Task[None]] = set()


@sio.event  # type: ignore[untyped-decorator, unused-ignore]
async def connect(sid: str, environ: dict[str, Any]) -> None:
    global here  # noqa: PLW0603 - a count for `/ready`
    here += 1
    (user,) = parse_qs(environ["QUERY_STRING"])["user"]
    await sio.enter_room(sid, user)


async def go(users: int, rounds: int, burst: int, rate: float) -> None:
    """The same event for each user in turn, `burst` of them at once, `rate` events a second."""
    began, told = time.monotonic(), 0
    for _ in range(rounds):
        for user in range(users):
            for _ in range(burst):
                await sio.emit("event", event(told), room=str(user))
                told += 1
            if (early := began + told / rate - time.monotonic()) > 0.002:
                await asyncio.sleep(early)


def event(n: int) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    journal = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    data = {
        "journal_id": journal,
        "user_id": "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
        "n": n,
        "at": at,
        "percent": 7,
        "phase": "curation",
        "agent": "content_curator",
        "part": "days",
        "done": 1,
        "parts": 30,
    }
    return {
        "t": "event",
        "cls": "durable",
        "type": "journal.phase.advanced.v1",
        "n": n,
        "id": "0f8fad5b-d9cb-569f-a165-70867728950e",
        "at": at,
        "journal": journal,
        "data": data,
    }


async def other(scope: Any, receive: Any, send: Any) -> None:
    """What is no Socket.IO: `/go` and `/ready`."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/go":
        asked = {
            name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()
        }
        users, rounds, burst = (int(asked[name]) for name in ("users", "rounds", "burst"))
        going.add(asyncio.create_task(go(users, rounds, burst, float(asked["rate"]))))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(here).encode()})


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    uvicorn.run(
        socketio.ASGIApp(sio, other),
        port=told["port"],
        log_config=None,
        access_log=False,
        ws_per_message_deflate=False,
    )
