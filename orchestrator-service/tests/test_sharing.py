"""Journals shared with viewers and editors, on a real PostgreSQL (R5.2b, R7.2c)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from chassis.errors import NotFound, ServiceError
from chassis.identity import Caller
from chassis.ids import new_id
from journal_contracts.api import Answer, HandOver, JournalOrder, PauseOrder
from journal_contracts.decisions import Choice
from journal_contracts.product import PlanName, Share
from journal_contracts.sharing import ShareOrder
from orchestrator_service.collaborators import Collaborators
from orchestrator_service.people import People

from .test_desk import House, caller, house

__all__ = ["house"]
ANSWER = Answer(rev=1, choice=Choice(option="s1"))


@dataclass
class Street:
    """A house whose journals can be shared, and people with addresses."""

    house: House
    shared: Collaborators
    verified: bool = True

    async def journal(self, owner: UUID, plan: PlanName = PlanName.EXPRESS) -> UUID:
        order = JournalOrder(theme="anxiety", plan=plan)
        return (await self.house.desk.order(owner, order, None)).id

    async def invite(self, owner: UUID, journal: UUID, who: UUID, role: Share = "viewer") -> UUID:
        order = ShareOrder(email=f"{str(who).upper()}@Example.org", role=role)
        return (await self.shared.share(owner, journal, order)).id

    async def join(self, owner: UUID, journal: UUID, who: UUID, role: Share = "viewer") -> UUID:
        """Invite somebody who accepts."""
        invited = await self.invite(owner, journal, who, role)
        await self.shared.accept(who, str(who), invited)
        return invited

    async def told(self, journal: UUID) -> list[dict[str, Any]]:
        """Every event, as it was said."""
        told = await self.house.past.told(journal, 1, 500)
        return [{"type": each.type, **each.body} for each in told.items]


@pytest.fixture
async def street(house: House) -> Any:
    """Tokens are ids here, and everybody's address begins with theirs."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        token = Request(scope).headers["authorization"].removeprefix("Bearer ")
        told = {"email": f"{token}@example.org", "verified": street.verified, "id": token}
        await JSONResponse(told)(scope, receive, send)

    transport = httpx.ASGITransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://auth") as auth:
        shared = Collaborators(house.database, house.transitions, People(auth))
        street = Street(house, shared)
        yield street


async def refusal(asked: Awaitable[object]) -> tuple[int, str]:
    """How it was refused."""
    with pytest.raises(ServiceError) as refused:
        await asked
    return refused.value.status, refused.value.code


Wish = Callable[[Street, Caller, UUID], Awaitable[object]]
WISHES: dict[str, tuple[Wish, str]] = {
    "state": (lambda s, who, j: s.house.desk.state(who.user_id, j), "viewer"),
    "history": (lambda s, who, j: s.house.past.page(who.user_id, j, 10, 0), "viewer"),
    "moment": (lambda s, who, j: s.house.past.at(who.user_id, j, 1), "viewer"),
    "picture": (lambda s, who, j: s.house.past.picture(who.user_id, j), "viewer"),
    "access": (lambda s, who, j: s.house.desk.access(who.user_id, j), "viewer"),
    "pause": (lambda s, who, j: s.house.course.pause(who, j, PauseOrder()), "editor"),
    "resume": (lambda s, who, j: s.house.course.resume(who, j), "editor"),
    "share": (
        lambda s, who, j: s.shared.share(who.user_id, j, ShareOrder(email="a@example.org")),
        "owner",
    ),
    "collaborators": (lambda s, who, j: s.shared.page(who.user_id, j), "owner"),
    "cancel": (lambda s, who, j: s.house.course.cancel(who, j), "owner"),
    "delete": (lambda s, who, j: s.house.desk.delete(who.user_id, j), "owner"),
}
RANKS = ("viewer", "editor", "owner")


async def test_each_may_what_their_role_says_and_strangers_see_nothing(street: Street) -> None:
    owner, viewer, editor, stranger = (caller(new_id()) for _ in range(4))
    journal = await street.journal(owner.user_id)
    await street.join(owner.user_id, journal, viewer.user_id)
    await street.join(owner.user_id, journal, editor.user_id, "editor")
    people = {"viewer": viewer, "editor": editor, "owner": owner}

    for wish, least in WISHES.values():
        assert await refusal(wish(street, stranger, journal)) == (404, "not_found")
        for role, who in people.items():
            if RANKS.index(role) < RANKS.index(least):
                assert await refusal(wish(street, who, journal)) == (403, "role_too_small")
            else:
                await wish(street, who, journal)


async def test_an_editor_decides_and_a_viewer_does_not(street: Street) -> None:
    owner, viewer, editor = new_id(), new_id(), new_id()
    journal = await street.journal(owner, PlanName.STANDARD)
    await street.house.work(journal)
    await street.join(owner, journal, viewer)
    await street.join(owner, journal, editor, "editor")
    decisions = street.house.decisions

    with pytest.raises(ServiceError) as refused:
        await decisions.answer(viewer, journal, "author_style", ANSWER)
    assert refused.value.status == 403
    made = await decisions.answer(editor, journal, "author_style", ANSWER)

    assert made.result == "accepted"


async def test_an_unknown_address_looks_like_a_known_one_until_somebody_accepts(
    street: Street,
) -> None:
    owner, friend, stranger = new_id(), new_id(), new_id()
    journal = await street.journal(owner)

    invited = await street.invite(owner, journal, friend)
    again = await street.invite(owner, journal, friend, "editor")
    await street.shared.share(owner, journal, ShareOrder(email="nobody@example.org"))
    one, other = (await street.shared.page(owner, journal)).items

    assert invited == again
    assert (one.role, one.accepted_at) == ("editor", None)
    assert (other.role, other.accepted_at) == ("viewer", None)
    assert (await street.shared.invitations(stranger, str(stranger))).items == ()
    assert (await refusal(street.shared.accept(stranger, str(stranger), invited)))[0] == 404
    assert (await refusal(street.house.desk.state(friend, journal)))[0] == 404
    (waiting,) = (await street.shared.invitations(friend, str(friend))).items
    assert (waiting.id, waiting.theme, waiting.role) == (invited, "anxiety", "editor")


async def test_nobody_takes_an_invitation_by_an_address_that_was_not_verified(
    street: Street,
) -> None:
    owner, friend = new_id(), new_id()
    invited = await street.invite(owner, await street.journal(owner), friend)
    street.verified = False

    refused = await refusal(street.shared.accept(friend, str(friend), invited))

    assert refused == (403, "address_not_verified")


async def test_lists_have_ones_own_and_what_others_share_each_marked(street: Street) -> None:
    owner, friend = new_id(), new_id()
    theirs = await street.journal(owner)
    own = await street.journal(friend)
    newest = await street.journal(owner)
    for journal in (theirs, newest):
        await street.join(owner, journal, friend, "editor")
    await street.invite(owner, await street.journal(owner), friend)
    desk = street.house.desk

    first = await desk.page(friend, 2, None)
    rest = await desk.page(friend, 2, first.next)

    found = [(card.id, card.role) for card in (*first.items, *rest.items)]
    assert found == [(newest, "editor"), (own, "owner"), (theirs, "editor")]
    assert rest.next is None


async def test_a_members_events_begin_with_their_coming_and_end_with_their_going(
    street: Street,
) -> None:
    owner, friend = new_id(), new_id()
    journal = await street.journal(owner)
    id_ = await street.join(owner, journal, friend)
    await street.house.course.pause(caller(owner), journal, PauseOrder())
    await street.shared.remove(owner, journal, id_)
    await street.house.course.resume(caller(owner), journal)

    told = await street.told(journal)

    heard = [each["type"] for each in told if str(friend) in each["also"]]
    assert heard == [
        "journal.craft.shared.v1",
        "journal.craft.paused.v1",
        "journal.craft.unshared.v1",
    ]
    assert [each["n"] for each in told] == list(range(1, len(told) + 1))
    for gone in (
        street.house.desk.state(friend, journal),
        street.house.past.page(friend, journal, 10, 0),
    ):
        assert (await refusal(gone))[0] == 404


async def test_another_role_is_told_and_holds_at_once_and_one_may_leave(street: Street) -> None:
    owner, friend = new_id(), new_id()
    journal = await street.journal(owner)
    id_ = await street.join(owner, journal, friend)
    await street.invite(owner, journal, friend, "editor")

    assert (await street.house.desk.state(friend, journal)).role == "editor"
    shared = [each for each in await street.told(journal) if each["type"].endswith("shared.v1")]
    assert [(each["role"], each["anew"]) for each in shared] == [
        ("viewer", True),
        ("editor", False),
    ]
    with pytest.raises(NotFound):
        await street.shared.remove(new_id(), journal, id_)
    await street.shared.remove(friend, journal, id_)
    assert (await street.shared.page(owner, journal)).items == ()


async def test_what_a_crash_left_between_row_and_saga_is_settled_by_whoever_looks(
    street: Street,
) -> None:
    owner, friend = new_id(), new_id()
    journal = await street.journal(owner)
    invited = await street.invite(owner, journal, friend)
    accept = "update collaborator set user_id = $1, settled = false where id = $2"
    await street.house.pool.execute(accept, friend, invited)

    settling = asyncio.create_task(street.shared.keep_settling())
    async with asyncio.timeout(20):
        while await street.house.pool.fetchval(
            "select count(*) from collaborator where not settled"
        ):
            await asyncio.sleep(0.02)
    settling.cancel()

    assert (await street.house.desk.state(friend, journal)).role == "viewer"


async def test_of_many_who_come_and_go_at_once_the_last_word_holds(street: Street) -> None:
    owner, friends = new_id(), [new_id() for _ in range(6)]
    journal = await street.journal(owner)
    ids = await asyncio.gather(*(street.join(owner, journal, each) for each in friends))
    await asyncio.gather(
        *(street.shared.remove(owner, journal, id_) for id_ in ids[:3]),
        *(street.invite(owner, journal, each, "editor") for each in friends[3:]),
    )

    row = await street.house.transitions.row(journal)

    assert row is not None
    assert row.saga.members == dict.fromkeys(friends[3:], "editor")


async def test_a_decision_is_handed_to_an_address_and_taken_back(street: Street) -> None:
    owner, friend = new_id(), new_id()
    journal = await street.journal(owner, PlanName.STANDARD)
    await street.house.work(journal)
    order = HandOver(rev=1, email=f"{friend}@example.org")
    await street.shared.hand_over(owner, journal, "author_style", order)
    (waiting,) = (await street.shared.invitations(friend, str(friend))).items
    assert (waiting.role, waiting.decision_id) == ("decider", "author_style")
    await street.shared.accept(friend, str(friend), waiting.id)
    assert (await street.house.desk.state(friend, journal)).open_decisions

    await street.shared.remove(owner, journal, waiting.id)
    taken_back = await refusal(
        street.house.decisions.answer(friend, journal, "author_style", ANSWER)
    )

    assert taken_back[0] == 404
    made = await street.house.decisions.answer(owner, journal, "author_style", ANSWER)
    assert made.result == "accepted"


async def test_a_finished_journal_can_be_shared_too(street: Street) -> None:
    owner, friend = new_id(), new_id()
    journal = await street.journal(owner)
    await street.house.course.cancel(caller(owner), journal)

    await street.join(owner, journal, friend)

    view = await street.house.desk.state(friend, journal)
    assert (view.status, view.role) == ("cancelled", "viewer")
