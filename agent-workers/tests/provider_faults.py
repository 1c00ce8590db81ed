"""What becomes of each fault of a provider: the rows the tests play, and the page shows.

`python agent-workers/tests/provider_faults.py` writes the table in infra/docs/models.md anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llmock.scenarios import Match, Reply

PAGE: Final = Path(__file__).resolve().parents[2] / "infra/docs/models.md"
BEGIN, END = "<!-- faults -->\n", "<!-- /faults -->\n"
OPENAI: Final = Match(provider="openai")

ANSWERED: Final = "answered"


@dataclass(frozen=True)
class Fault:
    """How the first model of a chain fails, and what is done about it.

    `alone` and `with_another` are the code of the trouble, or "answered"; `sent` are the requests
    to the first model, `on` says whether the second is asked, `paid` whether the failed call is
    counted as money that was or may have been spent.
    """

    name: str
    play: Callable[[Any], Any]
    alone: str
    kind: str
    sent: int = 1
    on: bool = False
    paid: bool = False


FAULTS: Final = (
    Fault(
        "429, `Retry-After` of up to 10 s",
        lambda m: m.rate_limit(retry_after=0.2, provider="openai"),
        ANSWERED,
        "waited out here, once",
        sent=2,
    ),
    Fault(
        "429, a longer `Retry-After`",
        lambda m: m.rate_limit(retry_after=60, provider="openai"),
        "rate_limited",
        "rate_limit",
        on=True,
    ),
    Fault(
        "429, quota used up",
        lambda m: m.fail(429, code="insufficient_quota", provider="openai"),
        "quota_spent",
        "fatal",
        on=True,
    ),
    Fault(
        "500, 503",
        lambda m: m.fail(500, provider="openai"),
        "model_error",
        "infrastructure",
        on=True,
    ),
    Fault(
        "stalls",
        lambda m: m.stall(seconds=30, after_chunks=3, provider="openai"),
        "model_timed_out",
        "timeout",
        on=True,
        paid=True,
    ),
    Fault(
        "ends the stream early",
        lambda m: m.truncate(after_chunks=3, provider="openai"),
        "stream_cut",
        "infrastructure",
        on=True,
        paid=True,
    ),
    Fault(
        "drops the connection",
        lambda m: m.disconnect(after_chunks=3, provider="openai"),
        "stream_cut",
        "infrastructure",
        on=True,
        paid=True,
    ),
    Fault(
        "sends what is no JSON",
        lambda m: m.corrupt(after_chunks=3, provider="openai"),
        "stream_cut",
        "infrastructure",
        on=True,
        paid=True,
    ),
    Fault(
        "slow, but speaking",
        lambda m: m.slow_first_token(0.1, provider="openai"),
        ANSWERED,
        "",
    ),
    Fault(
        "a reply that does not fit",
        lambda m: m.reply("no json at all", provider="openai"),
        ANSWERED,
        "sent back, at most twice",
        sent=2,
        paid=True,
    ),
    Fault(
        "a reply longer than may be",
        lambda m: m.add(Reply(text='{"lines": [', finish_reason="length", match=OPENAI)),
        "truncated",
        "invalid_output",
        paid=True,
    ),
    Fault(
        "refuses to write",
        lambda m: m.add(Reply(text="", finish_reason="content_filter", match=OPENAI)),
        "refused",
        "fatal",
        paid=True,
    ),
    Fault("400", lambda m: m.fail(400, provider="openai"), "bad_request", "fatal"),
    Fault("401", lambda m: m.fail(401, provider="openai"), "bad_key", "fatal"),
    Fault("403", lambda m: m.fail(403, provider="openai"), "not_allowed", "fatal"),
    Fault("404", lambda m: m.fail(404, provider="openai"), "no_such_model", "fatal"),
)


def table() -> str:
    """The rows as Markdown."""
    rows = [
        f"| {f.name} | {_told(f)} | {f.sent} | {'yes, 1 request' if f.on else 'no'} "
        f"| {'yes' if f.paid else 'no'} |"
        for f in FAULTS
    ]
    return "\n".join(
        (
            "| the model | the step, if there is no other model | requests to it | the next in the "
            "chain is asked | the failed call counts as spent |",
            "|---|---|---|---|---|",
            *rows,
            "",
        )
    )


def shown(page: str) -> str:
    """The table as a page has it."""
    return page.partition(BEGIN)[2].partition(END)[0]


def _told(fault: Fault) -> str:
    if fault.alone == ANSWERED:
        return f"answered{f'; {fault.kind}' if fault.kind else ''}"
    return f"`{fault.kind}`, `{fault.alone}`"


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}")
