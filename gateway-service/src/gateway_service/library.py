"""What a socket asks of the orchestrator in its user's name: snapshots, verdicts on answers."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx

from chassis.errors import Unauthorized
from gateway_service.journals import DECISION_ID
from gateway_service.owners import Owner, OwnerUnavailable
from journal_contracts.api import Answer, AnswerResult, JournalCard, JournalPage, JournalView
from journal_contracts.realtime import Decide, DecideRefused, DecideResult
from journal_contracts.sharing import AccessView

PAGE: Final = 100
NEWEST: Final = 20
"""So many journals are in every snapshot; those that are not finished always are."""
UNFINISHED: Final = ("running", "waiting")
AT_ONCE: Final = 8
AGAIN_MS: Final = 2_000
"""When an answer that found its owner away may be said again."""
VERDICTS: Final = {409: "conflict", 410: "expired", 404: "unknown"}


@dataclass(frozen=True)
class Library:
    """All journals, as far as whoever holds a token may see them."""

    owner: Owner

    async def snapshot(self, token: str) -> tuple[JournalView, ...]:
        """The newest journals of whoever holds the token, and all that are not finished."""
        cards = await self._cards(token)
        wanted = [
            card for place, card in enumerate(cards) if place < NEWEST or card.status in UNFINISHED
        ]
        few = asyncio.Semaphore(AT_ONCE)

        async def view(card: JournalCard) -> JournalView | None:
            async with few:
                return await self._view(card.id, token)

        views = await asyncio.gather(*map(view, wanted))
        return tuple(view for view in views if view is not None)

    async def decide(self, word: Decide, token: str) -> DecideResult | DecideRefused:
        """What became of an answer, or why it was none (an option that was not offered, say)."""
        if not re.fullmatch(DECISION_ID, word.decision_id):
            return DecideResult(id=word.id, result="unknown")
        try:
            answer = await self._answered(word, token)
        except OwnerUnavailable as away:
            return DecideRefused(
                id=word.id, result="unavailable", detail=away.detail, after_ms=AGAIN_MS
            )
        if answer.status_code == httpx.codes.OK:
            made = AnswerResult.model_validate_json(answer.content)
            return DecideResult(
                id=word.id, result=made.result, choice=made.choice, chosen_by=made.chosen_by
            )
        told: dict[str, Any] = answer.json()
        if answer.status_code not in VERDICTS:
            return DecideRefused(id=word.id, result="invalid", detail=told.get("detail", ""))
        return DecideResult.model_validate(
            {
                "id": word.id,
                "result": VERDICTS[answer.status_code],
                "choice": told.get("choice"),
                "chosen_by": told.get("chosen_by"),
            }
        )

    async def shared_by(self, journal_id: UUID, token: str) -> UUID | None:
        """Who shares a journal with whoever holds the token; None where nobody is known to."""
        try:
            answer = await self.owner.ask("GET", f"/v1/journals/{journal_id}/access", token=token)
        except OwnerUnavailable:
            return None
        if not answer.is_success:
            return None
        access = AccessView.model_validate_json(answer.content)
        return None if access.role == "owner" else access.owner

    async def _answered(self, word: Decide, token: str) -> httpx.Response:
        answer = await self.owner.ask(
            "POST",
            f"/v1/journals/{word.journal}/decisions/{word.decision_id}",
            token=token,
            body=Answer(rev=word.rev, choice=word.choice),
            headers={"Idempotency-Key": word.id},
        )
        self._check(answer)
        return answer

    async def _cards(self, token: str) -> list[JournalCard]:
        """All of them, newest first."""
        cards: list[JournalCard] = []
        params: dict[str, str | int] = {"limit": PAGE}
        while True:
            answer = await self.owner.ask("GET", "/v1/journals", token=token, params=params)
            self._check(answer)
            page = JournalPage.model_validate_json(answer.content)
            cards += page.items
            if page.next is None:
                return cards
            params["cursor"] = page.next

    async def _view(self, journal_id: UUID, token: str) -> JournalView | None:
        answer = await self.owner.ask("GET", f"/v1/journals/{journal_id}", token=token)
        if answer.status_code == httpx.codes.NOT_FOUND:  # deleted since it was listed
            return None
        self._check(answer)
        return JournalView.model_validate_json(answer.content)

    def _check(self, answer: httpx.Response) -> None:
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Unauthorized("The token no longer holds.")
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise OwnerUnavailable(self.owner.name)
