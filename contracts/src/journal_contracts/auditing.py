"""What operators are told of the audit."""

from datetime import datetime
from typing import Any

from journal_contracts.api import View


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
