"""OpenAI, and whatever speaks its language at another address: streamed, with a schema."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast

import httpx
import openai
from openai import AsyncOpenAI
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema
from pydantic import BaseModel

from agent_workers.models.provider import (
    NOTHING,
    Messages,
    ModelTrouble,
    OnText,
    Reply,
    Tokens,
    asked_tokens,
    estimated_tokens,
)

REFUSED: Final = {
    400: "bad_request",
    401: "bad_key",
    403: "not_allowed",
    404: "no_such_model",
    413: "bad_request",
    422: "bad_request",
}
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class OpenAIModel:
    """One model behind an OpenAI-compatible address. It never retries: that is the caller's.

    `limit` says in the server's own word how long a reply may be.
    """

    def __init__(
        self, client: AsyncOpenAI, model: str, limit: Mapping[str, int] | None = None
    ) -> None:
        self.name = model
        self._client = client
        self._limit: dict[str, Any] = dict(limit or {})

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        """One streamed completion; a stream that ends early is no reply."""
        coming = _Coming(messages)
        try:
            stream = await self._client.chat.completions.create(
                model=self.name,
                messages=cast("list[ChatCompletionMessageParam]", messages),
                response_format=_schema(output),
                stream=True,
                stream_options={"include_usage": True},
                **self._limit,
            )
            coming.begun = True
            async with stream:
                async for chunk in stream:
                    if text := coming.take(chunk):
                        on_text(text)
        except (openai.APIError, httpx.HTTPError, ValueError) as error:
            # ValueError: a chunk that is no JSON. None: their own words may repeat the key.
            raise trouble_of(error, coming.spent(error), begun=coming.begun) from None
        return coming.reply()


class _Coming:
    """A reply while it comes in."""

    def __init__(self, messages: Messages) -> None:
        self.begun = False
        self._messages = messages
        self._pieces: list[str] = []
        self._refusal: list[str] = []
        self._usage: CompletionUsage | None = None
        self._finish: str | None = None

    def take(self, chunk: ChatCompletionChunk) -> str:
        """Keep what this chunk brings; returns the text in it."""
        self._usage = chunk.usage or self._usage
        text = ""
        for choice in chunk.choices:
            self._finish = choice.finish_reason or self._finish
            text += choice.delta.content or ""
            if choice.delta.refusal:
                self._refusal.append(choice.delta.refusal)
        self._pieces.append(text)
        return text

    def reply(self) -> Reply:
        """The whole of it, if it is whole."""
        tokens = self._tokens()
        if self._refusal or self._finish == "content_filter":
            detail = "The model refused to write this."
            raise ModelTrouble("fatal", "refused", detail, spent=tokens)
        match self._finish:
            case "stop":
                return Reply("".join(self._pieces), tokens.into, tokens.out, tokens.estimated)
            case "length":
                detail = "The reply was too long for the model."
                raise ModelTrouble("invalid_output", "truncated", detail, spent=tokens)
            case _:
                detail = "The stream ended before the reply."
                raise ModelTrouble("infrastructure", "stream_cut", detail, spent=tokens)

    def spent(self, error: Exception) -> Tokens:
        """What a call that ended in this error may have cost: nothing, where no model began."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, NEVER_SENT):
                return NOTHING
            cause = cause.__cause__
        answered = isinstance(error, openai.APIStatusError)
        return NOTHING if answered and not self.begun else self._tokens()

    def _tokens(self) -> Tokens:
        if self._usage:
            return Tokens(self._usage.prompt_tokens, self._usage.completion_tokens)
        out = estimated_tokens("".join((*self._pieces, *self._refusal)))
        return Tokens(asked_tokens(self._messages), out, estimated=True)


def _schema(output: type[BaseModel]) -> ResponseFormatJSONSchema:
    return {
        "type": "json_schema",
        "json_schema": {"name": output.__name__, "schema": output.model_json_schema()},
    }


def trouble_of(error: Exception, spent: Tokens = NOTHING, *, begun: bool) -> ModelTrouble:
    """What an error means for the step; its text is ours, so that no key can be in it."""
    match error:
        case openai.RateLimitError(code="insufficient_quota"):
            detail = "What was paid for at the provider is used up."
            return ModelTrouble("fatal", "quota_spent", detail)
        case openai.RateLimitError():
            after = retry_after(error.response.headers.get("retry-after"), time.time())
            return ModelTrouble("rate_limit", "rate_limited", "The provider asks to wait.", after)
        case openai.APITimeoutError() | httpx.TimeoutException():
            return ModelTrouble(
                "timeout", "model_timed_out", "The model took too long.", None, spent
            )
        case openai.APIStatusError(status_code=status) if status in REFUSED:
            return ModelTrouble("fatal", REFUSED[status], f"The provider answered {status}.")
        case openai.APIStatusError(status_code=status):
            return ModelTrouble("infrastructure", "model_error", f"The provider answered {status}.")
        case _ if begun:
            return ModelTrouble("infrastructure", "stream_cut", "The stream was cut.", None, spent)
        case _:
            detail = "The provider cannot be reached."
            return ModelTrouble("infrastructure", "model_away", detail, None, spent)


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait: the header has a number, or a date; None where it has neither."""
    try:
        seconds = float(header or "")
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header or "").timestamp() - now
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
