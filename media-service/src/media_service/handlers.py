"""What media-service hears: files to take onto a user's shelf, and journals to forget."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from chassis.blobs import Blobs
from chassis.database import Database
from chassis.ids import new_id, now
from chassis.outbox import Outbox
from journal_contracts.commands import RegisterAssets, WithdrawAssets
from journal_contracts.events import (
    AssetsRegistered,
    AssetsWithdrawn,
    CraftDeleted,
    CraftStarted,
    StepFailed,
)
from journal_contracts.message import StepRef
from media_service.documents import erase_with
from media_service.inspection import File, Refused, home_of, inspect
from media_service.store import (
    Asset,
    first_attempt,
    forget_assets,
    forget_user,
    lock_journal,
    replace_assets,
    use_documents,
    withdraw_assets,
)

log = structlog.get_logger()


@dataclass(frozen=True)
class Handlers:
    """The handlers, and what they work with."""

    database: Database
    blobs: Blobs
    outbox: Outbox

    async def register(self, command: RegisterAssets) -> None:
        """Take what was made onto the shelf. A repeat changes nothing and is answered again.

        An attempt that comes after a newer one is passed over: nobody waits for its answer.
        """
        assets: list[Asset] = []
        answer: AssetsRegistered | StepFailed
        try:
            assets = _assets(command, await inspect(self.blobs, command))
            answer = _registered(command, assets)
        except Refused as refusal:
            log.warning("assets_refused", journal_id=str(command.journal_id), code=refusal.code)
            answer = _refused(command, refusal)

        async with self.database.transaction() as session:
            alive = await lock_journal(session, command.journal_id)
            late = command.attempt < await first_attempt(session, command.journal_id)
            if alive and not late:
                if assets:
                    await replace_assets(session, command.journal_id, assets)
                self.outbox.put(session, answer, subject=str(command.journal_id))
        self.outbox.wake()
        if not alive:  # a worker may have stored these after the journal was deleted
            await self.blobs.remove_all(home_of(command.user_id, command.journal_id))

    async def withdraw(self, command: WithdrawAssets) -> None:
        """Take what was registered off the shelf: the journal is made anew. The bytes stay."""
        async with self.database.transaction() as session:
            if await lock_journal(session, command.journal_id):
                await withdraw_assets(session, command.journal_id, command.registered)
                answer = AssetsWithdrawn(**_step(command))
                self.outbox.put(session, answer, subject=str(command.journal_id))
        self.outbox.wake()

    async def forget(self, event: CraftDeleted) -> None:
        """Take a journal off the shelf, for good; the bytes go once the rows are gone."""
        async with self.database.transaction() as session:
            await lock_journal(session, event.journal_id)
            await forget_assets(session, event.journal_id)
        await self.blobs.remove_all(home_of(event.user_id, event.journal_id))
        await erase_with(self.database, self.blobs, event.user_id, event.journal_id)

    async def erase(self, user_id: UUID) -> None:
        """Forget all of a user; the bytes go once the rows are gone."""
        async with self.database.transaction() as session:
            await forget_user(session, user_id)
        await self.blobs.remove_all(f"users/{user_id}/")

    async def remember(self, event: CraftStarted) -> None:
        """A journal was ordered with documents: they are erased with it, or were meant to be."""
        if not event.documents:
            return
        journal, user = event.journal_id, event.user_id
        async with self.database.transaction() as session:
            if alive := await lock_journal(session, journal):
                await use_documents(session, user, journal, event.documents)
        if not alive:
            await erase_with(self.database, self.blobs, user, journal, event.documents)


def _assets(command: RegisterAssets, files: Iterable[File]) -> list[Asset]:
    at = now()
    return [
        Asset(
            id=new_id(),
            user_id=command.user_id,
            journal_id=command.journal_id,
            name=file.name,
            media_type=file.blob.media_type,
            bytes=file.blob.bytes,
            sha256=file.blob.sha256,
            key=file.blob.key,
            attempt=command.attempt,
            created_at=at,
            edition=file.book.edition if file.book else None,
            pages=file.book.pages if file.book else None,
            words=file.book.words if file.book else None,
            figures=file.book.figures if file.book else None,
        )
        for file in files
    ]


def _registered(command: RegisterAssets, assets: Iterable[Asset]) -> AssetsRegistered:
    return AssetsRegistered(**_step(command), assets=tuple(asset.name for asset in assets))


def _refused(command: RegisterAssets, refusal: Refused) -> StepFailed:
    return StepFailed(**_step(command), kind="fatal", code=refusal.code, detail=str(refusal))


def _step(command: StepRef) -> dict[str, object]:
    """The fence: which step of which journal this answers."""
    return {name: getattr(command, name) for name in StepRef.model_fields}
