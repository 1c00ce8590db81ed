"""The settings every service has; each adds its own few."""

from pathlib import Path
from typing import Any

from pydantic import model_validator
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

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, values: dict[str, Any]) -> dict[str, Any]:
        """A secret nobody has is an empty file: compose cannot leave the file out."""
        return {name: value for name, value in values.items() if value != ""}
