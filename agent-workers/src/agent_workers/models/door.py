"""The door: a question goes out once, its reply is kept, checked against the schema, and mended."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from agent_workers.desk import InvalidOutput
from agent_workers.models.attempts import Asker
from agent_workers.models.caller import Ask, Caller, Question
from agent_workers.models.chain import Chains, Route
from agent_workers.models.ledger import Ledger
from agent_workers.models.pictures import Drawn, Pictures, UnfitPicture
from agent_workers.models.provider import (
    Messages,
    ModelTrouble,
    OnText,
    Provider,
    Reply,
    asked_tokens,
    estimated_tokens,
)
from agent_workers.models.table import PICTURES
from chassis import failpoints
from journal_contracts.artifacts import Blob

log = structlog.get_logger()

REPAIRS = 2
WAIT_SECONDS = 0.2

T = TypeVar("T")
Repairing = Callable[[], None]
"""Told when a reply is sent back."""

Store = Callable[[Drawn], Awaitable[Blob]]
"""Puts a picture where the journal keeps its own; raises `UnfitPicture` where it cannot be set."""


class Door:
    """Chains of models behind one ledger."""

    def __init__(self, chains: Chains, ledger: Ledger, caller: Caller) -> None:
        self._chains = chains
        self._ledger = ledger
        self._caller = caller

    def model(self, asker: Asker) -> str:
        """Whose text this will be, if all goes well."""
        return self._chains.writers(asker.agent, asker.models, asker.step.user_id)[0].name

    @property
    def choices(self) -> tuple[str, ...]:
        """The choices of models there are besides the house's own, by name."""
        return self._chains.choices

    def paints(self, user: UUID) -> bool:
        """Whether a user can have pictures made by a model."""
        return self._chains.paints(user)

    async def writers(self, journal_id: UUID, phase: str) -> list[str]:
        """Whose text a phase became."""
        return await self._ledger.writers(journal_id, phase)

    async def answer(
        self,
        asker: Asker,
        round_: str,
        messages: Messages,
        output: type[BaseModel],
        on_text: OnText,
        *,
        repairing: Repairing | None = None,
    ) -> str:
        """Valid JSON of `output`; a reply that does not fit is sent back at most twice."""
        said = list(messages)
        for turn in range(1 + REPAIRS):
            if turn and repairing:
                repairing()
            text = await self._text(asker, round_, said, output, on_text)
            try:
                return output.model_validate_json(text).model_dump_json()
            except ValidationError as error:
                wrong = _complaint(error)
                log.info("reply_sent_back", agent=asker.agent, phase=asker.step.phase, wrong=wrong)
                said += [{"role": "assistant", "content": text}, {"role": "user", "content": wrong}]
        raise InvalidOutput(f"no valid {output.__name__} after {REPAIRS} repairs: {wrong}")

    async def picture(self, asker: Asker, round_: str, prompt: str, store: Store) -> Blob:
        """A picture, stored; asked for again, the same."""
        routes = self._chains.painters(asker.step.user_id)
        about = (self._chains.model("", PICTURES), PICTURES, prompt)
        question = Question(_key(asker, round_, about), asker, estimated_tokens(prompt))

        async def ask(painter: Pictures, on_text: OnText) -> Reply:
            drawn = await painter.draw(prompt)
            spent = drawn.tokens
            try:
                blob = await store(drawn)
            except UnfitPicture as error:
                detail = str(error)
                raise ModelTrouble("invalid_output", "bad_picture", detail, spent=spent) from None
            return Reply(blob.model_dump_json(), spent.into, spent.out, spent.estimated)

        kept = await self._once(question, routes, ask, lambda _: None)
        return Blob.model_validate_json(kept)

    async def _text(
        self,
        asker: Asker,
        round_: str,
        messages: Messages,
        output: type[BaseModel],
        on_text: OnText,
    ) -> str:
        model = self._chains.model(asker.agent, asker.models)
        about = (model, output.__name__, messages)
        question = Question(_key(asker, round_, about), asker, asked_tokens(messages))

        async def ask(writer: Provider, on_text: OnText) -> Reply:
            return await writer.reply(messages, output, on_text)

        routes = self._chains.writers(asker.agent, asker.models, asker.step.user_id)
        return await self._once(question, routes, ask, on_text)

    async def _once(
        self, question: Question, routes: Sequence[Route[T]], ask: Ask[T], on_text: OnText
    ) -> str:
        """The kept reply, or a new one; while another process asks the same, wait for its reply."""
        key, first = question.key, routes[0]
        while (lost := await self._claim(question, first.name)) is None:
            if (kept := await self._ledger.kept_reply(key)) is not None:
                return kept
            on_text("")  # whoever writes it lives, so this does
            await asyncio.sleep(WAIT_SECONDS)
        failpoints.reach("claimed", (question.asker.step.phase,))
        try:
            async with self._extending(key):
                if lost:
                    await self._caller.lost(first, question)
                reply = await self._caller.along(routes, question, ask, on_text)
        except BaseException:
            await asyncio.shield(self._ledger.release(key))
            raise
        return reply.text

    async def _claim(self, question: Question, model: str) -> int | None:
        """A claim that is cut short may have been made all the same: it is given back."""
        try:
            return await self._ledger.claim(question.key, question.asker, model)
        except asyncio.CancelledError:
            await asyncio.shield(self._ledger.release(question.key))
            raise

    @contextlib.asynccontextmanager
    async def _extending(self, key: str) -> AsyncIterator[None]:
        async def extend() -> None:
            while True:
                await asyncio.sleep(self._ledger.lease_seconds / 3)
                await self._ledger.extend(key)

        task = asyncio.create_task(extend())
        try:
            yield
        finally:
            task.cancel()


def _key(asker: Asker, round_: str, about: tuple[str, str, Messages | str]) -> str:
    """What is asked, by whom, for what; attempts are not in it, so they share the reply."""
    step = asker.step
    place = (str(step.journal_id), step.phase, step.part, round_)
    question = [str(step.user_id), *about, *place]
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()


def _complaint(error: ValidationError) -> str:
    """What the model is told; the first few faults are enough."""
    faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5]]
    return "This does not fit the schema. Give the whole answer again, mended. " + "; ".join(faults)
