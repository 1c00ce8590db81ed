"""What this service must be told."""

from typing import Literal

from pydantic import SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Secrets have no default: whoever starts the service chooses them."""

    database_url: SecretStr
    signing_key: SecretStr
    """The private JWK (P-256, with a `kid`) that access tokens are signed with, as JSON."""
    service_keys: str
    """The public JWK set of the services that may ask for tokens; a `kid` is a service's name."""
    password_cost: Literal["full", "light"] = "full"  # noqa: S105 - a cost, not a password
    """`light` is for tests: it makes passwords quick to check, and quick to guess."""
