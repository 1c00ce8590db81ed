"""What the workers are told from outside."""

from pathlib import Path

from pydantic import SecretStr

from agent_workers.handlers import AT_ONCE
from agent_workers.models.ledger import LEASE_SECONDS
from chassis.settings import ServiceSettings
from journal_contracts.catalogue import POOLS


class Settings(ServiceSettings):
    """Without a table of models, a key, or the address of a server, the offline writer works."""

    database_url: SecretStr
    blobs_url: SecretStr
    state: Path
    """A folder for what CrewAI writes; nothing of value lies there."""
    pools: tuple[str, ...] = POOLS
    writing_at_once: int = AT_ONCE["writing"]
    """Steps that wait for a model side by side; each keeps a thread and little else."""
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    model: str = "gpt-4o-mini"
    models: Path | None = None
    """A table of providers, chains and agents (README); it takes the place of the three above."""
    lease_seconds: float = LEASE_SECONDS
    """How long a model call stays its worker's own after the last sign of life."""
