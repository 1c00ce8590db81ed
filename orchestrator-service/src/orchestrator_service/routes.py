"""What the orchestrator answers: journals, their decisions and their history."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from chassis.identity import CurrentCaller, only_from
from journal_contracts.api import (
    Answer,
    AnswerResult,
    HistoryEntry,
    JournalOrder,
    JournalPage,
    JournalView,
)
from journal_contracts.catalogue import GATEWAY
from orchestrator_service.orders import Desk

router = APIRouter(
    prefix="/v1/journals", tags=["journals"], dependencies=[Depends(only_from(GATEWAY))]
)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


@router.post("", status_code=202)
async def order_journal(
    order: JournalOrder, caller: CurrentCaller, desk: AtDesk, response: Response, key: Key = None
) -> JournalView:
    """Order a journal."""
    journal = await desk.order(caller.user_id, order, key)
    response.headers["Location"] = f"/v1/journals/{journal.id}"
    return journal


@router.get("")
async def list_journals(
    caller: CurrentCaller,
    desk: AtDesk,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: UUID | None = None,
) -> JournalPage:
    """The caller's journals, newest first."""
    return await desk.page(caller.user_id, limit, cursor)


@router.get("/{journal_id}")
async def show_journal(journal_id: UUID, caller: CurrentCaller, desk: AtDesk) -> JournalView:
    """The state of a journal."""
    return await desk.state(caller.user_id, journal_id)


@router.post("/{journal_id}/cancel", status_code=202)
async def cancel_journal(journal_id: UUID, caller: CurrentCaller, desk: AtDesk) -> JournalView:
    """Stop a journal."""
    return await desk.cancel(caller.user_id, journal_id)


@router.delete("/{journal_id}", status_code=204)
async def delete_journal(journal_id: UUID, caller: CurrentCaller, desk: AtDesk) -> None:
    """Forget a journal, with everything made for it."""
    await desk.delete(caller.user_id, journal_id)


@router.post("/{journal_id}/decisions/{decision_id}")
async def answer_decision(
    journal_id: UUID, decision_id: str, answer: Answer, caller: CurrentCaller, desk: AtDesk
) -> AnswerResult:
    """Answer a decision."""
    return await desk.answer(caller.user_id, journal_id, decision_id, answer)


@router.get("/{journal_id}/history")
async def show_history(journal_id: UUID, caller: CurrentCaller, desk: AtDesk) -> list[HistoryEntry]:
    """Everything that happened to a journal, in order."""
    return await desk.history(caller.user_id, journal_id)
