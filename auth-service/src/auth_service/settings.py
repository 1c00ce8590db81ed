"""What this service must be told."""

from pathlib import Path
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
    vault_keys: SecretStr
    """What wraps users' keys: 32 bytes each in base64, spaces between, the current one first."""
    orchestrator_url: str
    """Who says whose a journal is."""
    public_url: str
    """Where people find the door: letters lead there, whatever a request says of its host."""
    state: Path
    """A folder for what is no row, such as letters where no mail server is."""
    smtp_url: SecretStr | None = None
    """`smtps://user:password@host`, `smtp://` with STARTTLS, or `smtp+plain://` for a relay."""
    mail_from: str = "Journal Craft Crew <no-reply@localhost>"
    oidc_providers: SecretStr = SecretStr("[]")
    """By whom people may sign in: a JSON list of `name`, `title`, `issuer`, `client_id`,
    `client_secret`."""
    erase_again_seconds: float = 900
    """Longer than anything runs, or waits to be tried anew, that began before an account went."""
    question_seconds: float = 21_600
    """How long a question waits for its user before a letter says so."""
    password_cost: Literal["full", "light"] = "full"  # noqa: S105 - a cost, not a password
    """`light` is for tests: it makes passwords quick to check, and quick to guess."""
