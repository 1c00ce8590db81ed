"""What the orchestrator is told from outside."""

from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Deadlines are in seconds."""

    database_url: SecretStr
    service_key: SecretStr
    """The private JWK (P-256, `kid` orchestrator-service) this service proves itself with."""
    decision_seconds: float | None = None
    """Replaces the patience of every question, for demonstrations and tests."""
    step_seconds: float | None = None
    """Replaces the patience of every phase."""
    user_limit: int = 24
    """How many steps of one pool one user may have in flight."""
    most_waiting: int = 50_000
    """Steps that wait for room before new journals are turned away."""
    journal_budget: Decimal | None = None
    """US dollars a journal may cost before its user is asked, where the order says nothing."""
    user_day_budget: Decimal | None = None
    """US dollars that models may cost a user on a day (UTC), all journals together."""
    user_day_tokens: int | None = None
    """Tokens, likewise; they bound models without a known price too."""
    local_webhooks: bool = False
    """Whether webhooks may lead to this machine, without TLS: for tests and development."""
    failpoint_file: Path | None = None
    """Where the fault run says at which line this process is to be killed."""
