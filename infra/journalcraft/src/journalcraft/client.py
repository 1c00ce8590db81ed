"""The platform as any client sees it: HTTP with a token, in the words of the contracts."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit
from uuid import UUID, uuid4

import httpx

from journal_contracts.api import (
    Answer,
    AnswerResult,
    AssetPage,
    AssetView,
    Credentials,
    HistoryEntry,
    HistoryPage,
    JournalOrder,
    JournalView,
    RetryOrder,
    TokenView,
)
from journal_contracts.auditing import AuditReport
from journal_contracts.operating import (
    DeadLetterChoice,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLettersSettled,
    DeadLetterView,
)
from journalcraft.feed import Feed
from journalcraft.place import News
from journalcraft.problems import Refused, Unreachable, problem_of

REGISTER, LOGIN, REFRESH = "/v1/auth/register", "/v1/auth/login", "/v1/auth/refresh"
STEP_UP_NEEDED: Final = "step_up_needed"
SPENT: Final = {httpx.codes.UNAUTHORIZED, httpx.codes.CONFLICT}
"""A refresh token that does not hold, or whose answer was lost: the password is asked again."""
TRIES: Final = 8
HISTORY_PAGE, DEAD_LETTER_PAGE = 500, 100
WORTH_ANOTHER_TRY: Final = {429, 502, 503, 504}
LONGEST_PAUSE: Final = 5.0
RENEW_AT: Final = 0.8
"""The part of a token's life after which a new one is fetched."""


class Client:
    """One user at one platform. Every request may be sent again: those that create carry a key."""

    def __init__(self, url: str, http: httpx.AsyncClient, credentials: Credentials) -> None:
        self.url = url
        self._http = http
        self._credentials = credentials
        self._token = ""
        self._refresh_token: str | None = None
        self._renew_at = 0.0
        self._signing_in = asyncio.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str, credentials: Credentials) -> AsyncIterator[Self]:
        """A client with connections of its own; the shell's proxies are not for these."""
        timeout = httpx.Timeout(30, connect=5)
        async with httpx.AsyncClient(base_url=url, timeout=timeout, trust_env=False) as http:
            yield cls(url, http, credentials)

    async def register(self) -> None:
        """Open the account."""
        await self._send("POST", REGISTER, json=self._credentials.model_dump())

    async def login(self) -> None:
        """Get a token for the account; later ones are fetched when they are needed."""
        await self.token(fresh=True)

    async def order(self, order: JournalOrder, *, key: str | None = None) -> UUID:
        """Order a journal; the same key never orders twice."""
        body = order.model_dump(mode="json", exclude_none=True)
        answer = await self._ask("POST", "/v1/journals", json=body, headers=_keyed(key))
        return UUID(answer.headers["Location"].rstrip("/").rpartition("/")[2])

    async def state(self, journal: UUID) -> JournalView:
        answer = await self._ask("GET", f"/v1/journals/{journal}")
        return JournalView.model_validate_json(answer.content)

    async def history(self, journal: UUID) -> list[HistoryEntry]:
        """Everything that happened to a journal, in order."""
        lines: list[HistoryEntry] = []
        after: int | None = 0
        while after is not None:
            params = {"cursor": after, "limit": HISTORY_PAGE}
            answer = await self._ask("GET", f"/v1/journals/{journal}/history", params=params)
            page = HistoryPage.model_validate_json(answer.content)
            lines += page.items
            after = page.next
        return lines

    async def state_at(self, journal: UUID, seq: int) -> JournalView:
        """A journal as it was right after a transition."""
        answer = await self._ask("GET", f"/v1/journals/{journal}/history/{seq}")
        return JournalView.model_validate_json(answer.content)

    async def decide(self, journal: UUID, decision: str, answer: Answer) -> AnswerResult:
        """Answer a decision; `Refused` with 409, 410 or 404 if it was too late or never asked."""
        path = f"/v1/journals/{journal}/decisions/{decision}"
        body = answer.model_dump(mode="json", exclude_none=True)
        verdict = await self._ask("POST", path, json=body, headers=_keyed(None))
        return AnswerResult.model_validate_json(verdict.content)

    async def keep_document(self, name: str, content: bytes) -> None:
        """Let the platform keep a document, for journals to be ordered with."""
        await self._ask("PUT", f"/v1/documents/{name}", content=content)

    async def draft(self, journal: UUID) -> str:
        """Both books in words, as a page of HTML."""
        answer = await self._ask("GET", f"/v1/journals/{journal}/draft")
        return answer.text

    async def cancel(self, journal: UUID) -> None:
        await self._ask("POST", f"/v1/journals/{journal}/cancel", headers=_keyed(None))

    async def retry(self, journal: UUID, order: RetryOrder) -> JournalView:
        """Take up a journal that ended or failed."""
        body = order.model_dump(mode="json", exclude_none=True)
        path = f"/v1/journals/{journal}/retry"
        answer = await self._ask("POST", path, json=body, headers=_keyed(None))
        return JournalView.model_validate_json(answer.content)

    async def delete(self, journal: UUID) -> None:
        await self._ask("DELETE", f"/v1/journals/{journal}")

    async def artifacts(self, journal: UUID) -> tuple[AssetView, ...]:
        answer = await self._ask("GET", f"/v1/journals/{journal}/artifacts")
        return AssetPage.model_validate_json(answer.content).items

    async def dead_letters(
        self, limit: int, *, journal: UUID | None = None, **kind: str
    ) -> list[DeadLetterView]:
        """The newest of a kind (`service`, `name`, `reason`), at most `limit`; for operators."""
        params: dict[str, str | int] = {**kind, **({"journal": str(journal)} if journal else {})}
        found: list[DeadLetterView] = []
        while len(found) < limit:
            params["limit"] = min(DEAD_LETTER_PAGE, limit - len(found))
            answer = await self._ask("GET", "/v1/dead-letters", params=params)
            page = DeadLetterPage.model_validate_json(answer.content)
            found += page.items
            if page.next is None:
                break
            params["cursor"] = page.next
        return found

    async def dead_letter(self, letter: UUID) -> DeadLetterDetail:
        answer = await self._ask("GET", f"/v1/dead-letters/{letter}")
        return DeadLetterDetail.model_validate_json(answer.content)

    async def redrive(self, choice: DeadLetterChoice) -> DeadLettersSettled:
        """Send dead letters back to where they failed."""
        return await self._settle("redrive", choice)

    async def drop(self, choice: DeadLetterChoice) -> DeadLettersSettled:
        """Forget dead letters for good."""
        return await self._settle("drop", choice)

    async def audit(self, since: datetime | None = None) -> AuditReport:
        """Whether the audit holds, and what was done; for operators."""
        params = {"since": since.isoformat()} if since else {}
        answer = await self._ask("GET", "/v1/audit", params=params)
        return AuditReport.model_validate_json(answer.content)

    async def download(self, asset: AssetView) -> AsyncIterator[bytes]:
        """The bytes of a file, in chunks; the token goes to the platform only."""
        url = urljoin(self.url, asset.href)
        ours = urlsplit(url).netloc == urlsplit(self.url).netloc
        headers = {"Authorization": f"Bearer {await self.token()}"} if ours else {}
        async with self._http.stream("GET", url, headers=headers) as answer:
            if answer.is_error:
                await answer.aread()
                raise Refused(problem_of(answer))
            async for chunk in answer.aiter_bytes():
                yield chunk

    def events(self) -> AsyncGenerator[News, None]:
        """What happens to this user's journals, from a snapshot on; close it (`aclosing`)."""
        return Feed(self.url, self.token).listen()

    async def token(self, *, fresh: bool = False) -> str:
        """A token that holds for a while yet."""
        shown = self._token
        async with self._signing_in:
            stale = time.monotonic() > self._renew_at or (fresh and shown == self._token)
            if stale:
                view = await self._go_on() or await self._sign_in()
                self._token = view.access_token
                self._refresh_token = view.refresh_token
                self._renew_at = time.monotonic() + RENEW_AT * view.expires_in
            return self._token

    async def _go_on(self) -> TokenView | None:
        """The session's next token; None where it has none, or does not go on."""
        token, self._refresh_token = self._refresh_token, None
        if token is None:
            return None
        try:
            answer = await self._send("POST", REFRESH, json={"refresh_token": token})
        except Refused as refused:
            if refused.problem.status not in SPENT:
                raise
            return None
        return TokenView.model_validate_json(answer.content)

    async def _sign_in(self) -> TokenView:
        answer = await self._send("POST", LOGIN, json=self._credentials.model_dump())
        return TokenView.model_validate_json(answer.content)

    async def _settle(self, what: str, choice: DeadLetterChoice) -> DeadLettersSettled:
        body = choice.model_dump(mode="json", exclude_none=True)
        answer = await self._ask("POST", f"/v1/dead-letters/{what}", json=body)
        return DeadLettersSettled.model_validate_json(answer.content)

    async def _ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """A request in the user's name; a token that no longer holds is replaced once."""
        for fresh in (False, True):
            token = await self.token(fresh=fresh)
            signed = {**(headers or {}), "Authorization": f"Bearer {token}"}
            try:
                return await self._send(method, path, headers=signed, **body)
            except Refused as refused:
                if fresh or refused.problem.status != httpx.codes.UNAUTHORIZED:
                    raise
                if refused.problem.code == STEP_UP_NEEDED:  # the password is asked, not the session
                    self._refresh_token = None
        raise AssertionError("the second round returns or raises")

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                answer = await self._http.request(method, path, **request)
            except httpx.TransportError as error:
                if last:
                    raise Unreachable(f"{self.url} does not answer: {error!r}") from error
                await asyncio.sleep(_pause(attempt, None))
                continue
            if answer.is_success:
                return answer
            if last or not _is_worth_another_try(answer):
                raise Refused(problem_of(answer))
            await asyncio.sleep(_pause(attempt, answer.headers.get("Retry-After")))
        raise AssertionError("the last try returns or raises")


def _keyed(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid4())}


def _is_worth_another_try(answer: httpx.Response) -> bool:
    """Also where we are told when to come back: our own request may be under way still."""
    return answer.status_code in WORTH_ANOTHER_TRY or "Retry-After" in answer.headers


def _pause(attempt: int, asked: str | None) -> float:
    """What the platform asked for, else full jitter up to a bound that doubles; never long."""
    if asked and asked.isdigit():
        return min(float(asked), LONGEST_PAUSE)
    return random.uniform(0.05, min(LONGEST_PAUSE, 0.2 * 2**attempt))
