"""The history of a journal: in pages, with what each step took and cost, and as states (R3.1d)."""

import json
import time
from collections import Counter
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from chassis import web
from chassis.errors import NotFound
from chassis.identity import AUDIENCE, ISSUER, TOKEN_TYPE, Verifier, new_key
from chassis.ids import new_id
from journal_contracts.api import HistoryEntry
from journal_contracts.events import StepFinished, Usage
from orchestrator_service.routes import router

from .crew import finished
from .test_desk import ORDER, House, house

__all__ = ["house"]


async def crafted(house: House, user: UUID) -> UUID:
    """A journal that was worked to its end; each of its steps took 2 s and cost 3 cents."""
    journal = await house.desk.order(user, ORDER.model_copy(update={"unattended": True}), None)
    usage = Usage(calls=1, cost=Decimal("0.03"))
    while steps := await house.commands(journal.id):
        for step in steps:
            reply = finished(step)
            if isinstance(reply, StepFinished):
                reply = reply.model_copy(update={"usage": usage, "seconds": 2.0})
            await house.transitions.happen(journal.id, reply, actor=step.phase)
    return journal.id


async def whole(house: House, user: UUID, journal: UUID, limit: int) -> list[list[HistoryEntry]]:
    pages, after = [], 0
    while True:
        page = await house.past.page(user, journal, limit, after)
        pages.append(list(page.items))
        if page.next is None:
            return pages
        after = page.next


async def test_pages_of_any_size_are_the_same_history_and_split_no_transition(
    house: House,
) -> None:
    user = new_id()
    journal = await crafted(house, user)

    (all_at_once,) = await whole(house, user, journal, 500)
    by_seven = await whole(house, user, journal, 7)

    assert list(chain.from_iterable(by_seven)) == all_at_once
    assert {len({entry.seq for entry in page}) for page in by_seven[:-1]} == {7}
    seqs = sorted({entry.seq for entry in all_at_once})
    assert seqs == list(range(1, len(seqs) + 1))
    assert (await house.past.page(user, journal, 7, seqs[-1])).items == ()


async def test_every_line_tells_who_and_why_and_costs_add_up(house: House) -> None:
    user = new_id()
    journal = await crafted(house, user)

    (lines,) = await whole(house, user, journal, 500)
    view = await house.desk.state(user, journal)

    causes = Counter({line.seq: line.cause for line in lines}.values())
    assert causes["begin"] == 1
    assert causes["step_finished"] == view.usage.calls > 10
    assert {line.actor for line in lines if line.cause == "begin"} == {"user"}
    assert "curation" in {line.actor for line in lines}
    assert (
        sum(line.cost or 0 for line in lines)
        == view.usage.cost
        == view.usage.calls * Decimal("0.03")
    )
    assert sum(line.seconds or 0 for line in lines) == 2.0 * view.usage.calls


async def test_the_state_at_any_point_is_what_it_was(house: House) -> None:
    user = new_id()
    journal = await crafted(house, user)
    (lines,) = await whole(house, user, journal, 500)
    last = lines[-1].seq

    states = [await house.past.at(user, journal, seq) for seq in range(1, last + 1)]

    now = await house.desk.state(user, journal)
    assert states[-1].model_dump() == now.model_dump()
    assert [state.percent for state in states] == sorted(state.percent for state in states)
    told: dict[int, Any] = {line.seq: line.n for line in lines}
    assert [state.n for state in states] == [told[seq] for seq in range(1, last + 1)]
    assert states[0].phases[0].status == "running"
    assert {state.status for state in states[:-1]} == {"running"}


async def test_a_moment_that_never_was_is_none(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)

    for seq in (0, 2, 99):
        with pytest.raises(NotFound):
            await house.past.at(user, journal.id, seq)


async def test_what_was_kept_before_causes_were_is_no_moment(house: House) -> None:
    user = new_id()
    journal = await house.desk.order(user, ORDER, None)
    async with house.database.transaction() as session:
        await session.execute(text("update history set cause = 'before', input = '{}'"))

    with pytest.raises(NotFound) as refused:
        await house.past.at(user, journal.id, 1)

    assert refused.value.code == "no_such_moment"
    assert len((await house.past.page(user, journal.id, 10, 0)).items) == 2


async def test_the_picture_is_of_the_journal_as_it_is(house: House) -> None:
    user = new_id()
    journal = await crafted(house, user)

    drawn = await house.past.picture(user, journal)

    assert drawn.startswith("<svg ")
    assert "Express plan, 100 % done, completed" in drawn


async def test_what_was_told_is_given_again_as_it_was_said(house: House) -> None:
    user = new_id()
    journal = await crafted(house, user)
    await crafted(house, user)
    query = "select name, body from outbox where journal_id = $1 and phase is null"
    said = [
        (row["name"], json.loads(row["body"])) for row in await house.pool.fetch(query, journal)
    ]

    told = await house.past.told(journal, 1, 2**31 - 1)
    some = await house.past.told(journal, 3, 5)

    by_n = sorted(said, key=lambda each: each[1]["n"])
    assert [(event.type, event.body) for event in told.items] == by_n
    assert [event.body["n"] for event in told.items] == list(range(1, len(said) + 1))
    assert some.items == told.items[2:5]
    assert (await house.past.told(new_id(), 1, 5)).items == ()


@pytest.mark.parametrize(
    ("service", "status"), [("gateway-service", 200), ("media-service", 403), (None, 401)]
)
async def test_only_the_gateway_may_ask_what_was_told(
    house: House, service: str | None, status: int
) -> None:
    journal = await house.desk.order(new_id(), ORDER, None)
    key = new_key("signing-1")
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 60,
        "sub": service,
        "scope": "service",
    }
    token = jwt.encode({"alg": "ES256", "typ": TOKEN_TYPE, "kid": "signing-1"}, claims, key)
    keys = httpx.MockTransport(
        lambda request: httpx.Response(200, json=KeySet([key]).as_dict(private=False))
    )
    app = web.application("Orchestrator", None, {})
    app.include_router(router)
    async with (
        httpx.AsyncClient(transport=keys) as auth,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client,
    ):
        app.state.past, app.state.verifier = house.past, Verifier(auth, "http://auth")
        answer = await client.get(
            f"/v1/journals/{journal.id}/told",
            params={"first": 1, "last": 1},
            headers={"Service-Authorization": f"Bearer {token}"} if service else {},
        )

    assert answer.status_code == status
    if status == httpx.codes.OK:
        assert answer.json()["items"][0]["type"] == "journal.craft.started.v1"
