"""What this service must be told."""

from pydantic import IPvAnyNetwork, SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Secrets have no default: whoever starts the service chooses them."""

    redis_url: SecretStr
    orchestrator_url: str
    media_url: str
    workers_url: str
    service_key: SecretStr
    """The private JWK (P-256, `kid` gateway-service) this service proves itself with, as JSON."""
    allowed_origins: tuple[str, ...] = ()
    """Where pages that may call and connect come from, as a JSON list: `["https://app.example"]`."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """What stands before the gateway, as a JSON list: `["10.0.0.0/8"]`. It says who asks."""
