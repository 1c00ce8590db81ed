"""Signing in by others (OpenID Connect): what browsers say and see, and what the door passes on."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, StringConstraints

from journal_contracts.api import Body, View
from journal_contracts.sessions import Code

OidcName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
"""How this platform calls a provider, in addresses too."""
Drawn = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""256 bits that were drawn for one visit."""
Place = Annotated[
    str,
    StringConstraints(
        max_length=500,
        pattern=r"^/([A-Za-z0-9._~!$&'()*+,;=:@%?#-][A-Za-z0-9._~!$&'()*+,;=:@%?#/-]*)?$",
    ),
]
"""A path on this door: it begins with one slash, and no browser reads another host in it."""
OidcCode = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,2000}$")]
OidcWord = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,500}$")]


class OidcProviderView(View):
    """Somebody who can say who a user is."""

    name: str
    title: str


class OidcProviderPage(View):
    """Those that this platform was told of."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{"name": "example", "title": "Example"}]}]}
    )

    items: tuple[OidcProviderView, ...]


class OidcStart(Body):
    """Where the browser shall be when it comes back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"next": "/journal"}]})

    next: Place = "/journal"


class OidcStarted(View):
    """Where the browser goes now. What it comes back with holds for it alone, once, ten minutes."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"url": "https://id.example/authorize?client_id=journal"}]}
    )

    url: str
    browser: str | None = None
    """For the cookie; nobody else is shown it."""


class OidcReturn(Body):
    """What a browser came back with, and the cookie it had."""

    state: Drawn
    browser: Drawn
    code: OidcCode | None = None
    iss: OidcWord | None = None
    error: OidcWord | None = None


class OidcArrived(View):
    """Where the browser goes on."""

    next: str


class OidcSignIn(Body):
    """Who came back from a provider signs in; where the refresh token shall be kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cookie": True}]})

    cookie: bool = False
    """The refresh token comes as a cookie that no script can read."""
    code: Code | None = None
    """Of the authenticator, or a recovery code, where the account has a second factor."""


class OidcStepUp(Body):
    """Who came back from a provider shows by it that it is them, and a code where it is asked."""

    code: Code | None = None


class OidcProof(Body):
    """The same, as the door passes it on: with the cookie."""

    browser: Drawn
    code: Code | None = None


class IdentityView(View):
    """Somebody at a provider, who signs in here as the caller."""

    id: UUID
    provider: str
    email: str
    """Where the provider says that their mail goes; it need not be the account's address."""
    linked_at: datetime
    used_at: datetime | None = None


class IdentityPage(View):
    """By whom the caller may sign in, and whether a password does too."""

    items: tuple[IdentityView, ...]
    password: bool


class OidcLink(Body):
    """The cookie of who came back, as the door passes it on."""

    browser: Drawn
