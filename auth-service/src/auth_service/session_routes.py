"""What sessions are asked: begin, go on, end, and which there are."""

from uuid import UUID

from fastapi import APIRouter, Response

from auth_service import exporting, signing_in
from auth_service.desk import Agent, AtDesk, WhoIsPresent
from auth_service.sessions import list_running
from chassis.exporting import Rows
from journal_contracts.api import TokenView
from journal_contracts.sessions import (
    AccountDeletion,
    ExportOrder,
    PasswordChange,
    RefreshOrder,
    SessionPage,
    SessionView,
    SignIn,
    StepUp,
)

routes = APIRouter(prefix="/v1/auth")


@routes.post("/login")
async def login(credentials: SignIn, at: AtDesk, agent: Agent, response: Response) -> TokenView:
    """Begin a session. The answer to an unknown address is the one to a wrong password."""
    response.headers["Cache-Control"] = "no-store"
    return await signing_in.sign_in(at, credentials, agent)


@routes.post("/refresh")
async def refresh(order: RefreshOrder, at: AtDesk, agent: Agent, response: Response) -> TokenView:
    """Go on. 409 `refresh_raced` for who asked a moment ago: that answer holds the next token."""
    response.headers["Cache-Control"] = "no-store"
    return await signing_in.refresh(at, order.refresh_token, agent)


@routes.post("/step-up", response_model_exclude_none=True)
async def step_up(proof: StepUp, who: WhoIsPresent, at: AtDesk, response: Response) -> TokenView:
    """Show again who one is: an access token for what wants that. The session is the same."""
    response.headers["Cache-Control"] = "no-store"
    return await signing_in.step_up(at, who, proof)


@routes.post("/logout", status_code=204)
async def logout(who: WhoIsPresent, at: AtDesk) -> None:
    """End this session."""
    await signing_in.sign_out(at, who, "logout", only=who.session.id)


@routes.post("/logout-everywhere", status_code=204)
async def logout_everywhere(who: WhoIsPresent, at: AtDesk) -> None:
    """End all sessions of the user, this one too."""
    await signing_in.sign_out(at, who, "logout_everywhere")


@routes.get("/sessions")
async def sessions(who: WhoIsPresent, at: AtDesk) -> SessionPage:
    """The user's sessions that run."""
    async with at.database.transaction() as session:
        running = await list_running(session, who.account.id)
    return SessionPage(
        items=tuple(
            SessionView.model_validate({**each.model_dump(), "current": each.id == who.session.id})
            for each in running
        )
    )


@routes.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, who: WhoIsPresent, at: AtDesk) -> None:
    """End one of the user's sessions."""
    await signing_in.sign_out(at, who, "ended_by_user", only=session_id)


@routes.post("/password", status_code=204)
async def password(change: PasswordChange, who: WhoIsPresent, at: AtDesk) -> None:
    """Change the password; all other sessions end."""
    await signing_in.change_password(at, who, change)


@routes.post("/delete-account", status_code=204)
async def delete_account(deletion: AccountDeletion, who: WhoIsPresent, at: AtDesk) -> None:
    """Delete the account; all its sessions end."""
    await signing_in.delete_account(at, who, deletion)


@routes.post("/export")
async def export(order: ExportOrder, who: WhoIsPresent, at: AtDesk, response: Response) -> Rows:
    """Everything that is kept of the user here."""
    response.headers["Cache-Control"] = "no-store"
    return await exporting.export(at, who, order)
