"""The door: a question goes out once, its reply is kept, checked against the schema, and mended."""

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator

import structlog
from pydantic import BaseModel, ValidationError

from agent_workers.desk import InvalidOutput
from agent_workers.models.ledger import Asker, Ledger
from agent_workers.models.provider import Messages, OnText, Provider

log = structlog.get_logger()

REPAIRS = 2
WAIT_SECONDS = 0.2


class Door:
    """One provider behind one ledger."""

    def __init__(self, provider: Provider, ledger: Ledger) -> None:
        self._provider = provider
        self._ledger = ledger

    @property
    def model(self) -> str:
        return self._provider.name

    async def answer(
        self,
        asker: Asker,
        round_: str,
        messages: Messages,
        output: type[BaseModel],
        on_text: OnText,
    ) -> str:
        """Valid JSON of `output`; a reply that does not fit is sent back at most twice."""
        said = list(messages)
        for _ in range(1 + REPAIRS):
            text = await self._reply(asker, round_, said, output, on_text)
            try:
                return output.model_validate_json(text).model_dump_json()
            except ValidationError as error:
                wrong = _complaint(error)
                log.info("reply_sent_back", agent=asker.agent, phase=asker.step.phase, wrong=wrong)
                said += [{"role": "assistant", "content": text}, {"role": "user", "content": wrong}]
        raise InvalidOutput(f"no valid {output.__name__} after {REPAIRS} repairs: {wrong}")

    async def _reply(
        self,
        asker: Asker,
        round_: str,
        messages: Messages,
        output: type[BaseModel],
        on_text: OnText,
    ) -> str:
        """The kept reply, or a new one; while another process asks the same, wait for its reply."""
        key = self._key(asker, round_, messages, output)
        while not await self._claim(key, asker):
            if (kept := await self._ledger.kept_reply(key)) is not None:
                return kept
            await asyncio.sleep(WAIT_SECONDS)
        began = time.monotonic()
        try:
            async with self._extending(key):
                reply = await self._provider.reply(messages, output, on_text)
        except BaseException:
            await asyncio.shield(self._ledger.release(key))
            raise
        await self._ledger.keep(key, self.model, reply, time.monotonic() - began)
        return reply.text

    async def _claim(self, key: str, asker: Asker) -> bool:
        """A claim that is cut short may have been made all the same: it is given back."""
        try:
            return await self._ledger.claim(key, asker, self.model)
        except asyncio.CancelledError:
            await asyncio.shield(self._ledger.release(key))
            raise

    def _key(self, asker: Asker, round_: str, messages: Messages, output: type[BaseModel]) -> str:
        """What is asked, by whom, for what; attempts are not in it, so they share the reply."""
        step = asker.step
        question = [
            str(step.user_id),
            self.model,
            output.__name__,
            messages,
            str(step.journal_id),
            step.phase,
            step.part,
            round_,
        ]
        return hashlib.sha256(json.dumps(question).encode()).hexdigest()

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


def _complaint(error: ValidationError) -> str:
    """What the model is told; the first few faults are enough."""
    faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5]]
    return "This does not fit the schema. Give the whole answer again, mended. " + "; ".join(faults)
