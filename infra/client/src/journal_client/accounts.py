"""The user's account: its sessions, its second factor, and what goes by letter."""

from collections.abc import AsyncIterator
from uuid import UUID

from journal_client.connection import REGISTER, Connection
from journal_contracts.api import AccountView, TokenView
from journal_contracts.oidc import IdentityPage, OidcProviderPage
from journal_contracts.sessions import (
    AccountDeletion,
    Addressed,
    ExportOrder,
    ForgottenPassword,
    MailChange,
    MailProof,
    NewPassword,
    NoticeWishes,
    PasswordChange,
    RecoveryCodes,
    SessionPage,
    StepUp,
    TotpConfirmation,
    TotpOrder,
    TotpRemoval,
    TotpView,
    VerificationWish,
)


class Accounts(Connection):
    """That of the credentials."""

    async def register(self) -> Addressed:
        """Open the account; a letter says whether it is new."""
        answer = await self._say(REGISTER, self._credentials)
        return Addressed.model_validate_json(answer.content)

    async def login(self) -> None:
        """Get a token for the account; later ones are fetched when they are needed."""
        await self.token(fresh=True)

    async def logout(self) -> None:
        """End this session."""
        await self._do("POST", "/v1/auth/logout")

    async def logout_everywhere(self) -> None:
        await self._do("POST", "/v1/auth/logout-everywhere")

    async def sessions(self) -> SessionPage:
        return await self._get(SessionPage, "/v1/auth/sessions")

    async def end_session(self, session: UUID) -> None:
        await self._do("DELETE", f"/v1/auth/sessions/{session}")

    async def change_password(self, change: PasswordChange) -> None:
        await self._do("POST", "/v1/auth/password", change)

    async def delete_account(self, deletion: AccountDeletion) -> None:
        await self._do("POST", "/v1/auth/delete-account", deletion)

    async def export(self, order: ExportOrder) -> AsyncIterator[bytes]:
        """Everything that is kept of the user, as a zip, in chunks."""
        async for chunk in self._chunks("POST", "/v1/auth/export", body=order):
            yield chunk

    async def step_up(self, proof: StepUp) -> None:
        """Show again that it is you, for what wants somebody who has just done so."""
        self._hold(await self._tell(TokenView, "POST", "/v1/auth/step-up", proof))

    async def me(self) -> AccountView:
        return await self._get(AccountView, "/v1/auth/me")

    async def set_up_totp(self, order: TotpOrder) -> TotpView:
        return await self._tell(TotpView, "POST", "/v1/auth/totp", order)

    async def confirm_totp(self, confirmation: TotpConfirmation) -> RecoveryCodes:
        return await self._tell(RecoveryCodes, "POST", "/v1/auth/totp/confirm", confirmation)

    async def remove_totp(self, removal: TotpRemoval) -> None:
        await self._do("POST", "/v1/auth/totp/remove", removal)

    async def providers(self) -> OidcProviderPage:
        """By whom people may sign in; that takes a browser."""
        return await self._get(OidcProviderPage, "/v1/auth/oidc/providers")

    async def identities(self) -> IdentityPage:
        """By whom the user may."""
        return await self._get(IdentityPage, "/v1/auth/oidc/identities")

    async def unlink(self, identity: UUID) -> None:
        await self._do("DELETE", f"/v1/auth/oidc/identities/{identity}")

    async def forgot(self, forgotten: ForgottenPassword) -> Addressed:
        """Have a letter sent with which a new password is chosen."""
        answer = await self._say("/v1/auth/forgot", forgotten)
        return Addressed.model_validate_json(answer.content)

    async def reset(self, order: NewPassword) -> None:
        await self._say("/v1/auth/reset", order)

    async def verify(self, proof: MailProof) -> None:
        """Say that the address is the account's, with what the letter said."""
        await self._say("/v1/auth/verify", proof)

    async def verify_again(self, wish: VerificationWish) -> Addressed:
        return await self._tell(Addressed, "POST", "/v1/auth/verify/again", wish)

    async def change_mail(self, order: MailChange) -> Addressed:
        return await self._tell(Addressed, "POST", "/v1/auth/mail", order)

    async def confirm_mail(self, proof: MailProof) -> None:
        await self._say("/v1/auth/mail/confirm", proof)

    async def notices(self) -> NoticeWishes:
        """What the user is written to about."""
        return await self._get(NoticeWishes, "/v1/auth/notices")

    async def choose_notices(self, wishes: NoticeWishes) -> NoticeWishes:
        return await self._tell(NoticeWishes, "PUT", "/v1/auth/notices", wishes)

    async def stop_notices(self, token: str) -> None:
        """What the link in a letter does."""
        await self._send("POST", "/v1/auth/notices/stop", params={"token": token})
