"""Sessions over HTTP: what clients send and see, and what services ask the auth service."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from journal_contracts.api import Body, Credentials, Email, Password, View

RefreshToken = Annotated[str, StringConstraints(min_length=20, max_length=200)]
MailToken = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
Code = Annotated[str, StringConstraints(min_length=6, max_length=40, pattern=r"^[A-Za-z0-9 -]+$")]


class SignIn(Credentials):
    """Who wants in, and where the refresh token shall be kept."""

    cookie: bool = False
    """For browsers: the refresh token comes as a cookie that no script can read."""
    code: Code | None = None
    """Of the authenticator, or a recovery code, where the account has a second factor."""


class RefreshOrder(Body):
    """The refresh token of the last answer; it holds once."""

    refresh_token: RefreshToken


class PasswordChange(Body):
    """A new password, for who still knows the old one. All other sessions end."""

    old: Password
    new: Password


class AccountDeletion(Body):
    """That the account shall be gone, said by who knows its password."""

    password: Password


class ExportOrder(Body):
    """That everything kept of somebody shall be handed out, said by who knows their password."""

    password: Password


class StepUp(Body):
    """Who asks shows once more that it is them: the password, and a code where codes are asked."""

    password: Password
    code: Code | None = None


class TotpOrder(Body):
    """That codes of an authenticator shall be asked for, said by who knows the password."""

    password: Password


class TotpView(View):
    """What an authenticator is set up with; `uri` is for scanning, `secret` for typing."""

    secret: str
    uri: str


class TotpConfirmation(Body):
    """The first code of an authenticator."""

    code: Code


class TotpRemoval(Body):
    """That no code shall be asked for any more, said with both factors."""

    password: Password
    code: Code


class RecoveryCodes(View):
    """For who has lost the authenticator: each holds once. They are told once."""

    codes: tuple[str, ...]


class Addressed(View):
    """The address a letter goes to, as it was typed. It says all the rest, and to nobody else."""

    email: str


class ForgottenPassword(Body):
    """Whose password is forgotten."""

    email: Email


class NewPassword(Body):
    """The password from now on, for who was sent the token. All sessions end."""

    token: MailToken
    new: Password


class MailProof(Body):
    """That an address is the account's: who has read the letter knows the password too."""

    token: MailToken
    password: Password


class MailChange(Body):
    """The address that shall be the account's."""

    password: Password
    email: Email


class VerificationWish(Body):
    """That the letter that verifies the address shall be sent once more."""

    password: Password


class NoticeWishes(Body):
    """What somebody wants to be written to about: both, until they say otherwise."""

    questions: bool
    """That a journal has waited for an answer for hours."""
    books: bool
    """That the books of a journal are done."""


class NoticesStop(Body):
    """What a letter brought for who wants no more of its kind."""

    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=-]{20,200}$")]


class SessionView(View):
    """One sign-in of the caller; `agent` is what its program called itself."""

    id: UUID
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    agent: str
    current: bool
    """The one that asks."""


class SessionPage(View):
    """The caller's sessions that still run, the one seen last first."""

    items: tuple[SessionView, ...]


# --- between services ---------------------------------------------------------------------------


class TokenQuestion(Body):
    """Does this access token still hold?"""

    token: Annotated[str, Field(max_length=8_192)]


class TokenTruth(View):
    """What the session behind a token says of it now (RFC 7662 names)."""

    active: bool
    scope: str = ""
    """What its user may do now, whatever the token says."""


class RevokedView(View):
    """A session whose tokens no longer hold, though some may not have expired."""

    session_id: UUID
    user_id: UUID


class RevocationPage(View):
    """All of them that were noted since the moment asked for, and the moment of the answer."""

    at: datetime
    revoked: tuple[RevokedView, ...]
    keys: tuple[str, ...]
    """The names (`kid`) of all keys that tokens may be signed with now."""
