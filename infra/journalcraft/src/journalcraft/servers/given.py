"""Servers that already run somewhere, told by URL in the environment; the others are started."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Given(BaseSettings):
    """For CI services and compose. The roles are those of `Addresses`: each may do everything."""

    model_config = SettingsConfigDict(env_prefix="JOURNALCRAFT_")

    amqp_url: str | None = None
    postgres_url: str | None = None
    redis_url: str | None = None
    s3_url: str | None = None
