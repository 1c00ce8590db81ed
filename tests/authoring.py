"""llmock answers a schema with an example of it; a journal needs sentences: it is lent ours."""

import json
from typing import Any

import pytest
from llmock import completion

from agent_workers.briefs import BEGIN, brief_in
from agent_workers.writer import compose


def let_it_write(patch: pytest.MonkeyPatch) -> None:
    """The server stays as it is, but for the text that it streams where it is told a brief."""
    example = completion._structured_text

    def written(structured: Any, settings: Any, model: str, prompt: str) -> Any:
        if BEGIN not in prompt:
            return example(structured, settings, model, prompt)
        return json.dumps(compose(structured["title"], brief_in(prompt)))

    patch.setattr(completion, "_structured_text", written)
