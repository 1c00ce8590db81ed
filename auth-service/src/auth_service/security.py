"""What somebody who guards the platform wants to know: counted, and a line in the log."""

from typing import Any, Final, Literal
from uuid import UUID

import structlog
from prometheus_client import Counter

log: Final = structlog.get_logger()

Sign = Literal[
    "login_failed",
    "refresh_raced",
    "refresh_reused",
    "sessions_ended",
    "stepped_up",
    "password_changed",
    "password_reset",
    "mail_verified",
    "mail_changed",
    "mail_token_void",
    "identity_linked",
    "identity_unlinked",
    "oidc_refused",
    "oidc_away",
    "account_deleted",
    "exported",
    "second_factor_set",
    "second_factor_removed",
    "key_written",
    "key_shredded",
    "vault_used",
    "vault_refused",
]

signs = Counter("security_signs", "What may be an attack, or the answer to one", ["sign"])


def note(sign: Sign, user_id: UUID | None, **told: Any) -> None:
    """Never what was typed: ids, numbers and reasons."""
    signs.labels(sign).inc()
    log.warning(sign, audit=True, user_id=str(user_id) if user_id else None, **told)
