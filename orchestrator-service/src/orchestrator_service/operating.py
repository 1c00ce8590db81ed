"""What the orchestrator answers to operators: dead letters, from every service."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from chassis.identity import OPERATOR_SCOPE, CurrentCaller, bearer_token, only_from, only_with
from journal_contracts.auditing import ActOrder
from journal_contracts.catalogue import GATEWAY
from journal_contracts.operating import (
    DeadLetterChoice,
    DeadLetterClass,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLettersSettled,
    Word,
)
from orchestrator_service.auditing import Audit
from orchestrator_service.dead_letters import Graveyard

router = APIRouter(
    prefix="/v1/dead-letters",
    tags=["operating"],
    dependencies=[Depends(only_from(GATEWAY)), Depends(only_with(OPERATOR_SCOPE))],
)


def _graveyard(request: Request) -> Graveyard:
    graveyard: Graveyard = request.app.state.graveyard
    return graveyard


There = Annotated[Graveyard, Depends(_graveyard)]


@router.get("")
async def list_dead_letters(
    graveyard: There,
    *,
    service: Word | None = None,
    name: Word | None = None,
    reason: Word | None = None,
    journal: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> DeadLetterPage:
    """Dead letters, newest first."""
    kind = DeadLetterClass(service=service, name=name, reason=reason)
    return await graveyard.page(kind, journal, limit, cursor)


@router.get("/{letter_id}")
async def show_dead_letter(letter_id: UUID, graveyard: There) -> DeadLetterDetail:
    """One dead letter, with its redacted body."""
    return await graveyard.show(letter_id)


@router.post("/redrive")
async def redrive(
    choice: DeadLetterChoice, caller: CurrentCaller, graveyard: There, request: Request
) -> DeadLettersSettled:
    """Send one or a class of them back to where they failed."""
    await _note(request, ActOrder(act="dead_letters_redriven", choice=choice))
    return await graveyard.redrive(choice, caller.user_id)


@router.post("/drop")
async def drop(
    choice: DeadLetterChoice, caller: CurrentCaller, graveyard: There, request: Request
) -> DeadLettersSettled:
    """Forget one or a class of them for good."""
    await _note(request, ActOrder(act="dead_letters_dropped", choice=choice))
    return await graveyard.drop(choice, caller.user_id)


async def _note(request: Request, order: ActOrder) -> None:
    audit: Audit = request.app.state.audit
    await audit.note(bearer_token(request, "Authorization"), order)
