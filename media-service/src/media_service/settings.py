"""What media-service is told from outside."""

from pydantic import SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The shelf's own two: where the rows are, and where the bytes are."""

    database_url: SecretStr
    blobs_url: SecretStr
