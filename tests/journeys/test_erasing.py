"""Whoever deletes their account is found nowhere any more, in the midst of a journal too (R7.1)."""

import asyncio
import json
import subprocess
import sys
from typing import Any, Final
from uuid import UUID

import httpx
import redis.asyncio

from chassis.blobs import open_blobs
from chassis.ids import new_id
from journal_client.client import Client
from journal_contracts.api import Credentials, JournalOrder
from journal_contracts.catalogue import BY_NAME
from journal_contracts.events import UserDeleted
from journal_contracts.product import PlanName
from journalcraft.account import credentials_of
from journalcraft.platform import Platform
from journalcraft.wiring import AUTH, MEDIA

from .following import until
from .keeping import kept

SERVICES: Final = set(BY_NAME[UserDeleted.name].heard_by)
PATIENCE: Final = 120.0


def erasures(platform: Platform) -> dict[str, dict[str, Any]]:
    """The receipts by user, as whoever runs the server is shown them."""
    told = typed(platform, "erasures").splitlines()
    lines = [json.loads(line) for line in told if '"waits_for"' in line]
    return {line["user_id"]: line for line in lines}


def typed(platform: Platform, command: str) -> str:
    """What the auth service's own command says."""
    program = platform.program(AUTH)
    words = [sys.executable, "-m", program.module, command]
    environment = dict(program.environment)
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout


async def erased(platform: Platform, user: UUID) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            receipt = (await asyncio.to_thread(erasures, platform))[str(user)]
            if receipt["completed_at"] is not None:
                return receipt
            await asyncio.sleep(0.5)


async def hits(platform: Platform, canary: str, email: str, user: UUID) -> dict[str, int]:
    """Where a word still stands, the address, or anything of theirs among objects and in Redis.

    Letters are files here, as nobody named a mail server: of these the address is no news.
    """
    places = await kept(platform)
    found = {place: content.count(canary.encode()) for place, content in places.items()}
    del places["files"]
    found |= {f"{place}: address": it.count(email.encode()) for place, it in places.items()}
    async with open_blobs(platform.program(MEDIA).environment["JCC_BLOBS_URL"]) as blobs:
        found["objects"] = len(await blobs.sizes(f"users/{user}/"))
    async with redis.asyncio.from_url(platform.addresses.redis) as client:
        found["redis"] = len([key async for key in client.scan_iter(f"*{user}*", count=1_000)])
    return {place: count for place, count in found.items() if count}


async def test_whoever_leaves_is_found_nowhere_and_each_service_says_so(
    platform: Platform,
) -> None:
    canary = f"canary{new_id().hex}"
    name = Credentials(email=f"{new_id()}@example.org", password=f"a long pass phrase {new_id()}")
    async with Client.open(platform.url, name) as user:
        await user.register()
        headers = {"Authorization": f"Bearer {await user.token()}"}
        async with httpx.AsyncClient(base_url=user.url, headers=headers, timeout=30) as http:
            me = UUID((await http.get("/v1/auth/me")).json()["id"])
            await user.keep_document("diary.md", f"A worry, {canary}, of the night.\n".encode() * 3)
            journal = await user.order(
                JournalOrder(
                    theme=f"Journaling for {canary}",
                    plan=PlanName.COMPREHENSIVE,
                    documents=("diary.md",),
                )
            )
            await http.put(f"/v1/journals/{journal}/tags", json={"tags": [canary]})
            await until(user, journal, lambda view: bool(view.open_decisions))
            await user.order(JournalOrder(theme=f"Mornings with {canary}", unattended=True))
            before = await hits(platform, canary, name.email, me)
            word = {"password": name.password}
            gone = await http.post("/v1/auth/delete-account", json=word)

    receipt = await erased(platform, me)
    async with asyncio.timeout(PATIENCE):
        while left := await hits(platform, canary, name.email, me):
            # What was under way was slower than the two seconds between the rounds are here.
            await asyncio.to_thread(typed, platform, "erase-again")
            receipt = await erased(platform, me)

    async with Client.open(platform.url, credentials_of(platform.state)) as operator:
        audit = await operator.audit()

    assert gone.status_code == 204
    assert left == {}
    assert audit.chain.findings == ()
    assert any(str(me) in str(act.told) for act in audit.last["erasures"])
    assert {"auth-service: address", "orchestrator-service", "redis", "objects"} <= set(before)
    assert {(r["round"], r["service"]) for r in receipt["confirmed"]} == {
        (round_, service) for round_ in (1, 2) for service in SERVICES
    }
