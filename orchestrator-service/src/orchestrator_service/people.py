"""Who somebody is: the auth service is asked, with their own token. So nobody learns of others."""

from typing import Final

import httpx
from pydantic import ValidationError

from chassis.errors import Forbidden, Unauthorized, Unavailable
from journal_contracts.api import View

WHO_AM_I: Final = "/v1/auth/me"


class AddressNotVerified(Forbidden):
    """Whoever could open an account with any address would take what others are invited to."""


class PeopleUnavailable(Unavailable):
    """The auth service is away, hangs, or answers nonsense."""


class _Account(View):
    """As much of an account as it takes."""

    email: str
    verified: bool


class People:
    """The accounts behind tokens."""

    def __init__(self, auth: httpx.AsyncClient) -> None:
        self._auth = auth

    async def address(self, token: str) -> str:
        """The verified address of whoever holds the token."""
        try:
            answer = await self._auth.get(WHO_AM_I, headers={"Authorization": f"Bearer {token}"})
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise Unauthorized("The token no longer holds.")
            answer.raise_for_status()
            account = _Account.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise PeopleUnavailable("Nobody can say now whose address this is.") from error
        if not account.verified:
            raise AddressNotVerified("Verify your address first.")
        return account.email
