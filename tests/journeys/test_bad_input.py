"""Bad input gets a problem with a stable code; nothing changes or is lost (R7.2c, R9.1c)."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from journal_client.client import Client
from journal_contracts.api import JournalOrder
from journal_contracts.product import PlanName

from .following import until

ORDER = JournalOrder(theme="gratitude", plan=PlanName.EXPRESS)


async def sent(user: Client, method: str, path: str, body: str | None = None) -> httpx.Response:
    """A request as no well-behaved client would send it."""
    headers = {"Authorization": f"Bearer {await user.token()}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=user.url, headers=headers, timeout=10) as http:
        return await http.request(method, path, content=body)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"theme": ""}),
        json.dumps({"theme": "   "}),
        json.dumps({"theme": "x" * 10_000}),
        json.dumps({"theme": "calm", "plan": "luxury"}),
        '{"theme": NaN}',
        '{"theme": "calm", "depth": NaN}',
        '{"theme": "calm", "theme": "rage"}',
        json.dumps({"theme": "calm", "owner": str(uuid4())}),
        json.dumps({"theme": "calm\u0000"}),
        json.dumps({"theme": "calm", "decisions": {"title": {"option": "more"}}}),
        json.dumps({"theme": "calm", "decisions": {"title": {"option": "own"}}}),
        "not json",
        "[]",
    ],
    ids=[
        "empty", "blank", "10 000 characters", "unknown plan", "NaN as theme", "NaN as depth",
        "said twice", "unknown field", "control character", "more in advance", "own without text",
        "no JSON", "a list",
    ],
)  # fmt: skip
async def test_an_order_that_does_not_fit_is_refused(body: str, user: Client) -> None:
    answer = await sent(user, "POST", "/v1/journals", body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in {"invalid_request", "choice_does_not_fit"}
    assert "x" * 100 not in answer.text
    assert (await sent(user, "GET", "/v1/journals")).json()["items"] == []


async def test_a_decision_can_be_made_once(user: Client) -> None:
    journal = await user.order(ORDER)
    view = await until(user, journal, lambda view: bool(view.open_decisions))
    path = f"/v1/journals/{journal}/decisions/title"

    def choice(option: str, **more: Any) -> str:
        return json.dumps({"rev": 1, "choice": {"option": option}, **more})

    first = await sent(user, "POST", path, choice("t2"))
    again = await sent(user, "POST", path, choice("t2"))
    other = await sent(user, "POST", path, choice("t3"))

    assert view.open_decisions[0].id == "title"
    assert (first.status_code, first.json()["result"]) == (200, "accepted")
    assert (again.status_code, again.json()["result"]) == (200, "already")
    assert (other.status_code, other.json()["code"]) == (409, "decision_conflict")
    assert other.json()["choice"]["option"] == "t2"
    await user.cancel(journal)


@pytest.mark.parametrize(
    ("decision", "rev"), [("colour", 1), ("title", 7), ("draft", 1)], ids=["no", "rev", "plan"]
)
async def test_a_decision_never_asked_is_unknown(decision: str, rev: int, user: Client) -> None:
    journal = await user.order(ORDER)
    body = json.dumps({"rev": rev, "choice": {"option": "t1"}})

    answer = await sent(user, "POST", f"/v1/journals/{journal}/decisions/{decision}", body)

    assert (answer.status_code, answer.json()["code"]) == (404, "decision_unknown")
    await user.cancel(journal)


async def test_a_foreign_journal_looks_like_none(user: Client, stranger: Client) -> None:
    journal = await user.order(ORDER)
    before = await user.state(journal)

    for method, path, body in (
        ("GET", "", None),
        ("POST", "/cancel", None),
        ("DELETE", "", None),
        ("GET", "/history", None),
        ("GET", "/history/1", None),
        ("GET", "/picture", None),
        ("POST", "/retry", None),
        ("GET", "/artifacts", None),
        ("GET", "/artifacts/journal.pdf", None),
        ("POST", "/decisions/title", '{"rev": 1, "choice": {"option": "t1"}}'),
    ):
        theirs = await sent(stranger, method, f"/v1/journals/{journal}{path}", body)
        none = await sent(stranger, method, f"/v1/journals/{uuid4()}{path}", body)
        assert (theirs.status_code, theirs.json()["code"]) == (404, none.json()["code"]), path

    assert (await user.state(journal)).n >= before.n
    assert (await sent(stranger, "GET", "/v1/journals")).json()["items"] == []
    await user.cancel(journal)


async def test_without_a_token_nothing_is_told(user: Client) -> None:
    async with httpx.AsyncClient(base_url=user.url) as http:
        answer = await http.get("/v1/journals")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_cancelled_journal_stops_and_a_deleted_one_is_gone(user: Client) -> None:
    journal = await user.order(JournalOrder(theme="gratitude", unattended=True))
    await until(user, journal, lambda view: view.percent > 10)

    await user.cancel(journal)
    cancelled = await user.state(journal)
    await user.delete(journal)

    assert cancelled.status in ("cancelled", "completed")
    assert (await sent(user, "GET", f"/v1/journals/{journal}")).status_code == 404
