"""What the vault is asked: by users, who see no key again, and by who uses them for a journal."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from auth_service import audit, grants, security, vault
from auth_service.desk import AtDesk, WhoHasShown, WhoIsPresent
from auth_service.store import lock_account
from auth_service.vault import MOST_KEYS, ProviderKey
from chassis.errors import Conflict, Forbidden, NotFound, ServiceError
from chassis.identity import only_from
from chassis.ids import now
from chassis.remembered import SessionEnded
from chassis.seals import Unsealable
from journal_contracts.catalogue import WORKERS
from journal_contracts.vault import (
    VAULT_SCOPE,
    KeyOrder,
    KeyPage,
    KeysGiven,
    KeyView,
    KeyWish,
    ProviderName,
)


class NoSuchKey(NotFound):
    """The caller has none for this provider."""


class TooManyKeys(Conflict):
    """Nobody has so many providers."""


class NotGranted(Forbidden):
    """That is no open journal of this user."""


class VaultShut(ServiceError):
    """A key is wrapped with one that this service was not given."""

    status = 503


routes = APIRouter(prefix="/v1")
Provider = Annotated[ProviderName, Path()]


@routes.get("/keys")
async def list_keys(who: WhoIsPresent, at: AtDesk) -> KeyPage:
    """The user's keys: by their last four characters and fingerprints."""
    async with at.database.transaction() as session:
        found = await vault.keys_of(session, who.account.id)
    return KeyPage(items=tuple(_view(row) for row in found))


@routes.put("/keys/{provider}")
async def put_key(provider: Provider, order: KeyOrder, who: WhoHasShown, at: AtDesk) -> KeyView:
    """Keep a key, in the place of the one before; 409 `too_many_keys` beyond fifty."""
    async with at.database.transaction() as session:
        if await lock_account(session, who.account.id) is None:
            raise SessionEnded("The session has ended.")
        others = {row.provider for row in await vault.keys_of(session, who.account.id)} - {provider}
        if len(others) >= MOST_KEYS:
            raise TooManyKeys(f"Nobody keeps more than {MOST_KEYS} keys here.")
        row = await vault.put(session, at.envelopes, who.account.id, provider, order.key)
        told = {"provider": provider, "version": row.version}
        await audit.append(session, "key_written", who.account.id, **told)
    security.note("key_written", who.account.id, **told)
    return _view(row)


@routes.delete("/keys/{provider}", status_code=204)
async def delete_key(provider: Provider, who: WhoHasShown, at: AtDesk) -> None:
    """Shred a key: nothing opens it any more."""
    async with at.database.transaction() as session:
        if not await vault.shred(session, who.account.id, provider):
            raise NoSuchKey("There is no key for this provider.")
        await audit.append(session, "key_shredded", who.account.id, provider=provider)
    security.note("key_shredded", who.account.id, provider=provider)


@routes.post("/vault/use", dependencies=[Depends(only_from(WORKERS, scope=VAULT_SCOPE))])
async def use_keys(wish: KeyWish, at: AtDesk, response: Response) -> KeysGiven:
    """The user's keys to these providers, for an open journal of theirs; 403 `not_granted`."""
    response.headers["Cache-Control"] = "no-store"
    async with at.database.transaction() as session:
        kept = {row.provider for row in await vault.keys_of(session, wish.user_id)}
        granted = await grants.is_granted(session, wish.user_id, wish.journal_id)
    if kept.isdisjoint(wish.providers):
        return KeysGiven(keys={})
    if not granted and not await at.orchestrator.owns(wish.user_id, wish.journal_id):
        refused = {"journal_id": str(wish.journal_id), "providers": sorted(wish.providers)}
        async with at.database.transaction() as session:
            await audit.append(session, "vault_refused", wish.user_id, **refused)
        security.note("vault_refused", wish.user_id, **refused)
        raise NotGranted("These keys are not for this.")
    try:
        async with at.database.transaction() as session:
            if await lock_account(session, wish.user_id) is None:
                return KeysGiven(keys={})
            if not granted:
                await grants.grant(session, wish.user_id, wish.journal_id, now())
            opened = await vault.use(session, at.envelopes, wish.user_id, wish.providers)
            told = {"journal_id": str(wish.journal_id), "providers": sorted(opened)}
            await audit.append(session, "vault_used", wish.user_id, **told)
    except Unsealable as error:
        raise VaultShut("The vault cannot be opened at the moment.") from error
    security.note("vault_used", wish.user_id, **told)
    return KeysGiven(keys=opened)


def _view(row: ProviderKey) -> KeyView:
    return KeyView.model_validate(row.model_dump(exclude={"user_id", "sealed"}))
