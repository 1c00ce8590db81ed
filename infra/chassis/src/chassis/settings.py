"""The settings every service has; each adds its own few."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS = Path("/run/secrets")


class ServiceSettings(BaseSettings):
    """Read from `JCC_<NAME>` in the environment, or from a file of that name among the secrets."""

    model_config = SettingsConfigDict(
        env_prefix="JCC_",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        frozen=True,
    )

    host: str = "127.0.0.1"
    port: int
    amqp_url: str
    auth_url: str
