"""What letters are asked for, and what their readers say. No answer tells who has an account."""

from fastapi import APIRouter

from auth_service import mailing
from auth_service.desk import AtDesk, WhoIsPresent
from auth_service.mailing import mailable
from auth_service.store import Account
from chassis.ids import new_id, now
from journal_contracts.api import Credentials
from journal_contracts.sessions import (
    Addressed,
    ForgottenPassword,
    MailChange,
    MailProof,
    NewPassword,
    VerificationWish,
)

routes = APIRouter(prefix="/v1/auth")


@routes.post("/register", status_code=202)
async def register(credentials: Credentials, at: AtDesk) -> Addressed:
    """Open an account; a letter says the rest, also where the address has one already."""
    account = Account(
        id=new_id(),
        email=mailable(credentials.email),
        password_hash=await at.passwords.hash(credentials.password, credentials.email),
        created_at=now(),
    )
    await mailing.register(at, account)
    return Addressed(email=credentials.email)


@routes.post("/verify", status_code=204)
async def verify(proof: MailProof, at: AtDesk) -> None:
    """The address is the account's."""
    await mailing.verify(at, proof)


@routes.post("/verify/again", status_code=202)
async def verify_again(wish: VerificationWish, who: WhoIsPresent, at: AtDesk) -> Addressed:
    """Another letter to verify the address with."""
    await mailing.verify_again(at, who, wish.password)
    return Addressed(email=who.account.email)


@routes.post("/forgot", status_code=202)
async def forgot(forgotten: ForgottenPassword, at: AtDesk) -> Addressed:
    """A letter to whoever has this account, if anybody has."""
    await mailing.forgot(at, mailable(forgotten.email))
    return Addressed(email=forgotten.email)


@routes.post("/reset", status_code=204)
async def reset(order: NewPassword, at: AtDesk) -> None:
    """A new password, for who was sent the token; all sessions end."""
    await mailing.reset(at, order)


@routes.post("/mail", status_code=202)
async def change(order: MailChange, who: WhoIsPresent, at: AtDesk) -> Addressed:
    """A letter to another address, which shall be the account's."""
    mailable(order.email)
    await mailing.change(at, who, order)
    return Addressed(email=order.email)


@routes.post("/mail/confirm", status_code=204)
async def confirm_change(proof: MailProof, at: AtDesk) -> None:
    """It is the account's from now on."""
    await mailing.confirm_change(at, proof)
