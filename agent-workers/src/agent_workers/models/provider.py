"""What a provider of a model is: messages in, one complete reply out, or a named trouble."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import BaseModel

from journal_contracts.events import Trouble
from journal_contracts.message import Allowance

Messages = list[dict[str, str]]
"""Role and content, as chat models take them."""

OnText = Callable[[str], None]
"""Told of every piece of text as it comes in."""

CHARACTERS_A_TOKEN: Final = 4
"""About; used only where a provider says nothing."""


@dataclass(frozen=True)
class Tokens:
    """What a call was charged for, or may have been; `estimated` where the provider never said."""

    into: int = 0
    out: int = 0
    estimated: bool = False

    @property
    def all(self) -> int:
        return self.into + self.out


NOTHING: Final = Tokens()


@dataclass(frozen=True)
class Reply:
    """A whole reply. Tokens are the provider's count, or an estimate where it gave none."""

    text: str
    tokens_in: int
    tokens_out: int
    estimated: bool = False

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.tokens_in, self.tokens_out, self.estimated)


class ModelTrouble(Exception):
    """A call that gave no usable reply; `kind` decides whether it is worth another try.

    `spent` is what it may have cost all the same: a stream that was cut is paid for. `needs` is
    what it would have been allowed to cost, where it was refused for want of that.
    """

    def __init__(
        self,
        kind: Trouble,
        code: str,
        detail: str,
        retry_after: float | None = None,
        spent: Tokens = NOTHING,
        *,
        needs: Allowance | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.code, self.detail, self.retry_after = kind, code, detail, retry_after
        self.spent, self.needs = spent, needs


class Provider(Protocol):
    """One model of one provider; `name` is what the ledger and the book say wrote the text."""

    name: str

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        """Ask once. Cancelling closes the stream."""
        ...


def estimated_tokens(text: str) -> int:
    """What a text weighs, about."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def asked_tokens(messages: Messages) -> int:
    """An estimate of what a question weighs."""
    return estimated_tokens("".join(message["content"] for message in messages))
