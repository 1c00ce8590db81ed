"""OpenAI, and whatever speaks its language at another address: streamed, with a schema."""

from typing import Final, cast

import httpx
import openai
from openai import AsyncOpenAI
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema
from pydantic import BaseModel

from agent_workers.models.provider import Messages, ModelTrouble, OnText, Reply, estimated_tokens

PATIENCE: Final = httpx.Timeout(120, connect=10)
REFUSED: Final = {400: "bad_request", 401: "bad_key", 403: "not_allowed", 404: "no_such_model"}


class OpenAIModel:
    """One model behind an OpenAI-compatible address. It never retries: that is the saga's."""

    def __init__(self, model: str, api_key: str, base_url: str | None) -> None:
        self.name = model
        self._client = AsyncOpenAI(
            api_key=api_key, base_url=base_url, max_retries=0, timeout=PATIENCE
        )

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        """One streamed completion; a stream that ends early is no reply."""
        pieces: list[str] = []
        usage: CompletionUsage | None = None
        finish: str | None = None
        try:
            stream = await self._client.chat.completions.create(
                model=self.name,
                messages=cast("list[ChatCompletionMessageParam]", messages),
                response_format=_schema(output),
                stream=True,
                stream_options={"include_usage": True},
            )
            async with stream:
                async for chunk in stream:
                    usage = chunk.usage or usage
                    for choice in chunk.choices:
                        finish = choice.finish_reason or finish
                        if choice.delta.content:
                            pieces.append(choice.delta.content)
                            on_text(choice.delta.content)
        except openai.APIError as error:
            raise _trouble(error, begun=bool(pieces)) from error
        except (httpx.HTTPError, ValueError) as error:  # ValueError: a chunk that is no JSON
            raise ModelTrouble("infrastructure", "stream_cut", "The stream was cut.") from error
        text = "".join(pieces)
        _check(finish)
        asked = "".join(message["content"] for message in messages)
        return Reply(
            text,
            usage.prompt_tokens if usage else estimated_tokens(asked),
            usage.completion_tokens if usage else estimated_tokens(text),
        )

    async def close(self) -> None:
        await self._client.close()


def _schema(output: type[BaseModel]) -> ResponseFormatJSONSchema:
    return {
        "type": "json_schema",
        "json_schema": {"name": output.__name__, "schema": output.model_json_schema()},
    }


def _check(finish: str | None) -> None:
    match finish:
        case "stop":
            return
        case "length":
            raise ModelTrouble(
                "invalid_output", "truncated", "The reply was too long for the model."
            )
        case "content_filter":
            raise ModelTrouble("fatal", "refused", "The provider's filter stopped the reply.")
        case _:
            raise ModelTrouble("infrastructure", "stream_cut", "The stream ended before the reply.")


def _trouble(error: openai.APIError, begun: bool) -> ModelTrouble:
    """What an error means for the step; its text is ours, so that no key can be in it."""
    match error:
        case openai.RateLimitError():
            after = _retry_after(error.response)
            return ModelTrouble("rate_limit", "rate_limited", "The provider asks to wait.", after)
        case openai.APITimeoutError():
            return ModelTrouble("timeout", "model_timed_out", "The model took too long.")
        case openai.APIStatusError(status_code=status) if status in REFUSED:
            return ModelTrouble("fatal", REFUSED[status], f"The provider answered {status}.")
        case openai.APIStatusError(status_code=status):
            return ModelTrouble("infrastructure", "model_error", f"The provider answered {status}.")
        case _ if begun:
            return ModelTrouble("infrastructure", "stream_cut", "The stream was cut.")
        case _:
            return ModelTrouble("infrastructure", "model_away", "The provider cannot be reached.")


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
