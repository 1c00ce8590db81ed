"""The whole service, over a real broker: asked by a command, it answers with an event."""

import asyncio
from typing import Any

from sqlalchemy import delete

from chassis.broker import connect, hear, open_broker, say
from chassis.database import Database
from chassis.ids import now
from chassis.outbox import OutboxRow
from journal_contracts.catalogue import GATEWAY, ORCHESTRATOR
from journal_contracts.events import AssetsRegistered, CraftDeleted, StepFailed
from media_service.app import build
from media_service.settings import Settings
from media_service.store import list_assets


async def test_registers_when_told_and_forgets_when_a_journal_is_deleted(
    settings: Settings, database: Database, crew: Any, amqp_url: str
) -> None:
    heard: asyncio.Queue[AssetsRegistered | StepFailed] = asyncio.Queue()

    async def note(message: AssetsRegistered | StepFailed) -> None:
        if message.journal_id == crew.journal_id:
            heard.put_nowait(message)

    async def pass_over(message: CraftDeleted) -> None: ...

    orchestrator = connect(ORCHESTRATOR, amqp_url)
    hear(orchestrator, ORCHESTRATOR, AssetsRegistered, note)
    hear(orchestrator, ORCHESTRATOR, StepFailed, note)
    hear(orchestrator, GATEWAY, CraftDeleted, pass_over)
    async with database.transaction() as session:
        await session.execute(delete(OutboxRow))  # what other tests left unsaid
    app = build(settings)
    command = await crew.hand_over()
    deleted = CraftDeleted(
        journal_id=crew.journal_id, user_id=crew.user_id, n=1, at=now(), percent=100
    )

    async with app.router.lifespan_context(app), open_broker(orchestrator), asyncio.timeout(20):
        await say(orchestrator, command)
        answer = await heard.get()
        await say(orchestrator, deleted)
        while await _shelf(database, crew):
            await asyncio.sleep(0.02)

    assert isinstance(answer, AssetsRegistered)
    assert answer.assets[:2] == ("journal.pdf", "lead-magnet.pdf")


async def _shelf(database: Database, crew: Any) -> Any:
    async with database.transaction() as session:
        return await list_assets(session, owner=crew.user_id, journal_id=crew.journal_id)
