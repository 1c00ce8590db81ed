"""What a provider of a model is: messages in, one complete reply out, or a named trouble."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel

from journal_contracts.events import Trouble

Messages = list[dict[str, str]]
"""Role and content, as chat models take them."""

OnText = Callable[[str], None]
"""Told of every piece of text as it comes in."""


@dataclass(frozen=True)
class Reply:
    """A whole reply. Tokens are the provider's count, or an estimate where it gave none."""

    text: str
    tokens_in: int
    tokens_out: int


class ModelTrouble(Exception):
    """A call that gave no usable reply; `kind` decides whether it is worth another try."""

    def __init__(
        self, kind: Trouble, code: str, detail: str, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.kind, self.code, self.detail, self.retry_after = kind, code, detail, retry_after


class Provider(Protocol):
    """One model of one provider; `name` is what the ledger and the book say wrote the text."""

    name: str

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        """Ask once. Cancelling closes the stream."""
        ...


def estimated_tokens(text: str) -> int:
    """About four characters a token; used only where a provider says nothing."""
    return -(-len(text) // 4)
