"""What operators are told of the audit, and what of theirs is noted in it for other services."""

from datetime import datetime
from typing import Any, Literal

from journal_contracts.api import Body, View
from journal_contracts.operating import DeadLetterChoice


class ChainView(View):
    """Whether the chains hold; `findings` is empty where they do."""

    entries: int
    erased: int
    """Entries whose payload went with their user."""
    checkpoints: int
    findings: tuple[str, ...]


class ActView(View):
    """One act; `told` is empty once it was erased."""

    at: datetime
    act: str
    told: dict[str, Any]


class AuditReport(View):
    """Acts by section (access, admin, vault, exports, erasures): how many, and the last of them."""

    at: datetime
    since: datetime
    chain: ChainView
    counts: dict[str, dict[str, int]]
    last: dict[str, tuple[ActView, ...]]


class ActOrder(Body):
    """What an operator is about to do at another service."""

    act: Literal["dead_letters_redriven", "dead_letters_dropped"]
    choice: DeadLetterChoice
