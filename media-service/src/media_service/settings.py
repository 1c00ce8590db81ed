"""What media-service is told from outside."""

from pydantic import SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The shelf's own: where the rows are, where the bytes are, and who it is."""

    database_url: SecretStr
    blobs_url: SecretStr
    service_key: SecretStr
    """The private JWK (P-256, `kid` media-service) this service proves itself with."""
