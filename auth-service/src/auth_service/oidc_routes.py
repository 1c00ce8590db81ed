"""What is asked of signing in by others; the door alone speaks to browsers, with their cookies."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from auth_service import identities, oidc
from auth_service.desk import Agent, AtDesk, WhoHasShown, WhoIsPresent
from auth_service.identities import Identity
from journal_contracts.api import TokenView
from journal_contracts.oidc import (
    IdentityPage,
    IdentityView,
    OidcArrived,
    OidcLink,
    OidcName,
    OidcProof,
    OidcProviderPage,
    OidcProviderView,
    OidcReturn,
    OidcStart,
    OidcStarted,
)

routes = APIRouter(prefix="/v1/auth/oidc")
Name = Annotated[OidcName, Path()]


@routes.get("/providers")
async def providers(at: AtDesk) -> OidcProviderPage:
    """By whom people may sign in."""
    told = at.providers.all()
    views = (OidcProviderView(name=each.name, title=each.title) for each in told)
    return OidcProviderPage(items=tuple(views))


@routes.post("/{provider}/start")
async def start(provider: Name, order: OidcStart, at: AtDesk, response: Response) -> OidcStarted:
    """Send a browser away to be signed in."""
    response.headers["Cache-Control"] = "no-store"
    return await oidc.begin(at, provider, "sign_in", order.next)


@routes.post("/{provider}/link")
async def start_link(
    provider: Name, order: OidcStart, who: WhoHasShown, at: AtDesk, response: Response
) -> OidcStarted:
    """Send it away to bring an identity for the caller's account."""
    response.headers["Cache-Control"] = "no-store"
    return await oidc.begin(at, provider, "link", order.next, who)


@routes.post("/{provider}/prove")
async def start_step_up(
    provider: Name, order: OidcStart, who: WhoIsPresent, at: AtDesk, response: Response
) -> OidcStarted:
    """Send it away for its user to show anew who they are."""
    response.headers["Cache-Control"] = "no-store"
    return await oidc.begin(at, provider, "step_up", order.next, who)


@routes.post("/{provider}/callback")
async def callback(provider: Name, order: OidcReturn, at: AtDesk) -> OidcArrived:
    """It is back."""
    return await oidc.come_back(at, provider, order)


@routes.post("/login")
async def login(proof: OidcProof, at: AtDesk, agent: Agent, response: Response) -> TokenView:
    """Begin a session for who came back."""
    response.headers["Cache-Control"] = "no-store"
    return await oidc.sign_in(at, proof, agent)


@routes.post("/step-up", response_model_exclude_none=True)
async def step_up(proof: OidcProof, who: WhoIsPresent, at: AtDesk, response: Response) -> TokenView:
    """Who came back is who is present, and has just shown it."""
    response.headers["Cache-Control"] = "no-store"
    return await oidc.step_up(at, who, proof)


@routes.get("/identities")
async def list_identities(who: WhoIsPresent, at: AtDesk) -> IdentityPage:
    """By whom the caller may sign in."""
    async with at.database.transaction() as session:
        found = await identities.of_account(session, who.account.id)
    has_password = who.account.password_hash is not None
    return IdentityPage(items=tuple(map(_view, found)), password=has_password)


@routes.post("/identities", status_code=201)
async def link(order: OidcLink, who: WhoHasShown, at: AtDesk) -> IdentityView:
    """Let who came back sign in as the caller."""
    return _view(await oidc.link(at, who, order.browser))


@routes.delete("/identities/{identity_id}", status_code=204)
async def unlink(identity_id: UUID, who: WhoHasShown, at: AtDesk) -> None:
    """Let one of them do so no more; 409 `last_way_in` where nothing else would be left."""
    await oidc.unlink(at, who, identity_id)


def _view(row: Identity) -> IdentityView:
    return IdentityView.model_validate(row, from_attributes=True)
