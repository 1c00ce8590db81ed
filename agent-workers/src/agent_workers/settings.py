"""What the workers are told from outside."""

from pathlib import Path

from pydantic import SecretStr

from agent_workers.handlers import AT_ONCE, GRACE_SECONDS
from agent_workers.memory import MEMORY_MIB
from agent_workers.models.ledger import LEASE_SECONDS
from agent_workers.runner import SILENCE_SECONDS
from chassis.settings import ServiceSettings
from journal_contracts.catalogue import POOLS


class Settings(ServiceSettings):
    """Without a table of models, a key, or the address of a server, the offline writer works."""

    database_url: SecretStr
    blobs_url: SecretStr
    service_key: SecretStr | None = None
    """This service's private JWK, to ask the vault with. Without one nobody's own keys are used."""
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
    grace_seconds: float = GRACE_SECONDS
    """How long the steps under way have to end when the worker is told to leave."""
    silence_seconds: float = SILENCE_SECONDS
    """How long nothing may be heard of a step before it has failed."""
    memory_mib: int = MEMORY_MIB
    """What the worker may hold in memory; above it, it leaves in good order and is begun anew."""
    lease_seconds: float = LEASE_SECONDS
    """How long a model call stays its worker's own after the last sign of life."""
