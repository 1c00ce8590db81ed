"""The offline writer as a provider: it reads the brief in the task and writes what is wanted."""

import asyncio
import json
from typing import Final

from pydantic import BaseModel

from agent_workers.briefs import BEGIN, brief_in
from agent_workers.models.provider import Messages, ModelTrouble, OnText, Reply, estimated_tokens
from agent_workers.writer import UnknownTask, compose

OFFLINE: Final = "offline-writer"


class OfflineWriter:
    """Needs no network and costs nothing; its books are labelled as sample text."""

    name = OFFLINE

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        """Write what the output model names, for the brief in the last message that has one."""
        tasks = [message["content"] for message in messages if BEGIN in message["content"]]
        try:
            written = await asyncio.to_thread(compose, output.__name__, brief_in(tasks[-1]))
        except (UnknownTask, IndexError) as error:
            raise ModelTrouble(
                "fatal", "unknown_task", f"cannot write a {output.__name__}"
            ) from error
        text = json.dumps(written, ensure_ascii=False)
        on_text(text)
        return Reply(text, estimated_tokens("".join(tasks)), estimated_tokens(text))
