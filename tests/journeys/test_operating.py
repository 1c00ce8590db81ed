"""Poison on the running platform: an operator sees it, sends it back, drops it (R9.1d)."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import UUID

import aio_pika
import httpx
import pytest

from journal_client.client import Client
from journal_client.problems import Refused
from journal_contracts.api import JournalOrder
from journal_contracts.events import StepFinished
from journal_contracts.operating import DeadLetterView
from journal_contracts.product import PlanName
from journalcraft.account import credentials_of
from journalcraft.platform import Platform

from .following import until


async def typed(platform: Platform, *words: str) -> tuple[int, str]:
    """What `journalcraft` answers, and its exit code."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("journalcraft")),
        *(*words, "--state", str(platform.state)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()


async def lying(operator: Client, journal: UUID, redrives: int) -> DeadLetterView:
    """The one dead letter about this journal, as soon as it was sent back so often."""
    async with asyncio.timeout(60):
        while True:
            found = await operator.dead_letters(10, journal=journal)
            if [letter.redrives for letter in found] == [redrives]:
                return found[0]
            await asyncio.sleep(0.1)


async def test_poison_is_listed_shown_sent_back_and_dropped_by_the_local_operator(
    platform: Platform,
) -> None:
    journal = UUID(int=7)
    async with await aio_pika.connect(platform.addresses.amqp) as connection:
        events = await (await connection.channel()).get_exchange("events")
        poison = aio_pika.Message(b'{"secret": "of Ada"}', correlation_id=str(journal))
        await events.publish(poison, StepFinished.name)

    async with Client.open(platform.url, credentials_of(platform.state)) as operator:
        letter = await lying(operator, journal, redrives=0)
        listed = await typed(platform, "dlq", "list", "--journal", str(journal))
        _, shown = await typed(platform, "dlq", "show", str(letter.id), "--json")
        sent = await typed(platform, "dlq", "redrive", str(letter.id))
        again = await lying(operator, journal, redrives=1)
        dropped = await typed(platform, "dlq", "drop", str(again.id), "--yes")
        gone = await operator.dead_letters(10, journal=journal)
        acts = [each for each in (await operator.audit()).last["admin"] if "choice" in each.told]

    row = listed[1].splitlines()[1].split("\t")
    about = ["orchestrator-service", StepFinished.name, "unreadable", "0"]
    assert (listed[0], row[0], row[2:]) == (0, str(letter.id), about)
    told = json.loads(shown)
    assert (told["body"], told["journal_id"], told["bytes"]) == (None, str(journal), 20)
    assert "Ada" not in shown
    assert sent == (0, "1 letter was sent back.\n")
    assert again.id != letter.id
    assert dropped == (0, "1 letter was dropped.\n")
    assert gone == []
    assert [(each.act, each.told["choice"]) for each in acts[-2:]] == [
        ("dead_letters_redriven", {"id": str(letter.id)}),
        ("dead_letters_dropped", {"id": str(again.id)}),
    ]


async def test_dead_letters_are_for_operators_alone(platform: Platform, user: Client) -> None:
    with pytest.raises(Refused) as refused:
        await user.dead_letters(10)
    async with httpx.AsyncClient(base_url=platform.url) as http:
        anonymous = await http.get("/v1/dead-letters")

    assert (refused.value.problem.status, refused.value.problem.code) == (403, "scope_missing")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "unauthorized")


async def test_a_journal_can_be_seen_at_any_point_and_as_a_picture(
    platform: Platform, user: Client
) -> None:
    journal = await user.order(
        JournalOrder(theme="gratitude", plan=PlanName.EXPRESS, unattended=True)
    )
    await until(user, journal, lambda view: view.percent > 2)
    await user.cancel(journal)
    view = await user.state(journal)

    history = await user.history(journal)
    last = await user.state_at(journal, history[-1].seq)
    first = await user.state_at(journal, 1)
    with pytest.raises(Refused) as refused:
        await user.state_at(journal, history[-1].seq + 1)
    async with httpx.AsyncClient(base_url=platform.url) as http:
        headers = {"Authorization": f"Bearer {await user.token()}"}
        picture = await http.get(f"/v1/journals/{journal}/picture", headers=headers)

    assert last == view
    assert (first.percent, first.status) == (0, "running")
    assert refused.value.problem.code == "no_such_moment"
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "% done, cancelled" in picture.text
