"""Own keys to providers of models, at the door: on their way to the vault, never back."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, asked
from gateway_service.problems import documented, signed_in
from journal_contracts.vault import KeyOrder, KeyPage, KeyView, ProviderName

routes = APIRouter(
    prefix="/v1/keys",
    tags=["keys"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 413, 422, 429, 503),
)
Provider = Annotated[ProviderName, Path()]


@routes.get("", response_model=KeyPage)
async def keys(request: Request, owners: AskedOwners) -> Response:
    """Your own keys: their last four characters and fingerprints, and when they were used."""
    return await asked(request, owners.auth, "GET", "/v1/keys")


@routes.put("/{provider}", response_model=KeyView, responses=documented(409))
async def put_key(
    provider: Provider, order: KeyOrder, request: Request, owners: AskedOwners
) -> Response:
    """Have your journals written with your own key to this provider. It is shown to nobody."""
    return await asked(request, owners.auth, "PUT", f"/v1/keys/{provider}", body=order)


@routes.delete("/{provider}", status_code=204, responses=documented(404))
async def delete_key(provider: Provider, request: Request, owners: AskedOwners) -> Response:
    """Shred your key to this provider; steps under way may still end with it."""
    return await asked(request, owners.auth, "DELETE", f"/v1/keys/{provider}")
