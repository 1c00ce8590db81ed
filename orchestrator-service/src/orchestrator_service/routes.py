"""What the orchestrator answers: journals, their decisions and their history."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from chassis.identity import CurrentCaller, FreshCaller, only_from
from journal_contracts.api import (
    LONGEST_CURSOR,
    Answer,
    AnswerResult,
    DraftParts,
    Extension,
    HandOver,
    HistoryPage,
    JournalOrder,
    JournalPage,
    JournalTags,
    JournalView,
    PauseOrder,
    RetryOrder,
    SearchText,
    Sort,
    Status,
    Tag,
    TagPage,
    TagsOrder,
    ThemePage,
    ToldEvents,
)
from journal_contracts.catalogue import GATEWAY
from orchestrator_service.course import Course
from orchestrator_service.decisions import Decisions
from orchestrator_service.library import Shelf
from orchestrator_service.lists import Wish
from orchestrator_service.orders import Desk
from orchestrator_service.past import Past
from orchestrator_service.sharing import SharedWith

MOST_TRANSITIONS: Final = 2**31 - 1
ITS_OWN_STYLE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"
    "; frame-ancestors 'none'"
}
"""A picture carries its colours with it, and may do nothing else."""

router = APIRouter(
    prefix="/v1/journals", tags=["journals"], dependencies=[Depends(only_from(GATEWAY))]
)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _course(request: Request) -> Course:
    course: Course = request.app.state.course
    return course


def _decisions(request: Request) -> Decisions:
    decisions: Decisions = request.app.state.decisions
    return decisions


def _past(request: Request) -> Past:
    past: Past = request.app.state.past
    return past


AtDesk = Annotated[Desk, Depends(_desk)]
ItsPast = Annotated[Past, Depends(_past)]
ItsCourse = Annotated[Course, Depends(_course)]
Asked = Annotated[Decisions, Depends(_decisions)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


def _seen(
    if_match: Annotated[str | None, Header(pattern=r'^"[0-9]{1,9}"$')] = None,
) -> int | None:
    """The `n` of the state that a wish rests on: it is a journal's `ETag`."""
    return None if if_match is None else int(if_match.strip('"'))


Seen = Annotated[int | None, Depends(_seen)]


def _shelf(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


OnShelf = Annotated[Shelf, Depends(_shelf)]
library = APIRouter(prefix="/v1", tags=["library"], dependencies=[Depends(only_from(GATEWAY))])


@library.get("/tags")
async def list_tags(caller: CurrentCaller, shelf: OnShelf) -> TagPage:
    """All tags of the caller's journals."""
    return await shelf.tags(caller.user_id)


@library.get("/themes")
async def list_themes(caller: CurrentCaller, shelf: OnShelf) -> ThemePage:
    """What the caller's journals are about."""
    return await shelf.themes(caller.user_id)


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
    *,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
    status: Annotated[tuple[Status, ...], Query()] = (),
    q: Annotated[SearchText, Query()] = "",
    sort: Sort = "newest",
    tag: Tag | None = None,
) -> JournalPage:
    """The caller's journals: of these states, with this text and tag, in this order."""
    return await desk.page(caller.user_id, limit, cursor, Wish(status, q, sort, tag))


@router.get("/{journal_id}")
async def show_journal(
    journal_id: UUID, caller: CurrentCaller, desk: AtDesk, response: Response
) -> JournalView:
    """The state of a journal."""
    journal = await desk.state(caller.user_id, journal_id)
    response.headers["ETag"] = f'"{journal.n}"'
    return journal


@router.get("/{journal_id}/draft")
async def show_draft(journal_id: UUID, caller: CurrentCaller, desk: AtDesk) -> DraftParts:
    """Where a journal lies in words, for the media service to read."""
    return await desk.draft(caller.user_id, journal_id)


@router.post("/{journal_id}/cancel", status_code=202)
async def cancel_journal(
    journal_id: UUID, caller: CurrentCaller, course: ItsCourse, seen: Seen
) -> JournalView:
    """Stop a journal."""
    return await course.cancel(caller, journal_id, seen)


@router.post("/{journal_id}/pause", status_code=202)
async def pause_journal(
    journal_id: UUID,
    caller: CurrentCaller,
    course: ItsCourse,
    seen: Seen,
    order: PauseOrder | None = None,
) -> JournalView:
    """Let a journal stand still."""
    return await course.pause(caller, journal_id, order or PauseOrder(), seen)


@router.post("/{journal_id}/resume", status_code=202)
async def resume_journal(
    journal_id: UUID, caller: CurrentCaller, course: ItsCourse, seen: Seen
) -> JournalView:
    """Go on with a paused journal."""
    return await course.resume(caller, journal_id, seen)


@router.post("/{journal_id}/retry", status_code=202)
async def retry_journal(
    journal_id: UUID,
    caller: CurrentCaller,
    course: ItsCourse,
    seen: Seen,
    order: RetryOrder | None = None,
) -> JournalView:
    """Take up a journal that ended or failed."""
    return await course.retry(caller, journal_id, order or RetryOrder(), seen)


@router.delete("/{journal_id}", status_code=204)
async def delete_journal(journal_id: UUID, caller: FreshCaller, desk: AtDesk) -> None:
    """Forget a journal, with everything made for it."""
    await desk.delete(caller.user_id, journal_id)


@router.post("/{journal_id}/decisions/{decision_id}")
async def answer_decision(
    journal_id: UUID, decision_id: str, answer: Answer, caller: CurrentCaller, decisions: Asked
) -> AnswerResult:
    """Answer a decision."""
    return await decisions.answer(caller.user_id, journal_id, decision_id, answer)


@router.post("/{journal_id}/decisions/{decision_id}/extend")
async def extend_decision(
    journal_id: UUID, decision_id: str, more: Extension, caller: CurrentCaller, decisions: Asked
) -> JournalView:
    """Give a decision more time."""
    return await decisions.extend(caller.user_id, journal_id, decision_id, more)


@router.post("/{journal_id}/decisions/{decision_id}/hand-over")
async def hand_over_decision(
    journal_id: UUID, decision_id: str, order: HandOver, caller: CurrentCaller, shared: SharedWith
) -> JournalView:
    """Let somebody else answer a decision too."""
    return await shared.hand_over(caller.user_id, journal_id, decision_id, order)


@router.get("/{journal_id}/tags")
async def show_tags(journal_id: UUID, caller: CurrentCaller, shelf: OnShelf) -> JournalTags:
    """The tags of a journal."""
    return await shelf.tags_of(caller.user_id, journal_id)


@router.put("/{journal_id}/tags")
async def tag_journal(
    journal_id: UUID, order: TagsOrder, caller: CurrentCaller, shelf: OnShelf
) -> JournalTags:
    """Let a journal have just these tags."""
    return await shelf.tag(caller.user_id, journal_id, order.tags)


@router.get("/{journal_id}/history")
async def show_history(
    journal_id: UUID,
    caller: CurrentCaller,
    past: ItsPast,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
    cursor: Annotated[int, Query(ge=0, le=MOST_TRANSITIONS)] = 0,
) -> HistoryPage:
    """Everything that happened to a journal, in order: `limit` transitions after `cursor`."""
    return await past.page(caller.user_id, journal_id, limit, cursor)


@router.get("/{journal_id}/told")
async def show_told(
    journal_id: UUID,
    past: ItsPast,
    first: Annotated[int, Query(ge=1, le=MOST_TRANSITIONS)],
    last: Annotated[int, Query(ge=1, le=MOST_TRANSITIONS)],
) -> ToldEvents:
    """The public events of a journal by their `n`, for the gateway to fill a gap: no user asks."""
    return await past.told(journal_id, first, last)


@router.get("/{journal_id}/history/{seq}")
async def show_journal_at(
    journal_id: UUID,
    seq: Annotated[int, Path(ge=1, le=MOST_TRANSITIONS)],
    caller: CurrentCaller,
    past: ItsPast,
) -> JournalView:
    """The state of a journal right after a transition."""
    return await past.at(caller.user_id, journal_id, seq)


@router.get("/{journal_id}/picture", response_class=Response)
async def draw_journal(journal_id: UUID, caller: CurrentCaller, past: ItsPast) -> Response:
    """The plan of a journal with its state, as SVG."""
    drawn = await past.picture(caller.user_id, journal_id)
    return Response(drawn, headers=ITS_OWN_STYLE, media_type="image/svg+xml")
