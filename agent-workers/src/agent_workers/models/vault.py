"""The way to the vault: a user's keys, for one step of one of their journals."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

import httpx
from pydantic import SecretStr, ValidationError

from agent_workers.models.provider import ModelTrouble
from chassis.errors import Unavailable
from journal_contracts.vault import KeysGiven, KeyWish

AGAIN_SECONDS: Final = 5.0


class Vault:
    """Asked for keys to the providers of the table; where there is none, not at all."""

    def __init__(self, auth: httpx.AsyncClient, providers: Collection[str]) -> None:
        self._auth = auth
        self._providers = tuple(sorted(providers))

    async def keys_for(self, user: UUID, journal: UUID) -> Mapping[str, SecretStr]:
        """By provider; empty for most. Raises `ModelTrouble`: without an answer none is used."""
        if not self._providers:
            return {}
        wish = KeyWish(journal_id=journal, user_id=user, providers=self._providers)
        try:
            answer = await self._auth.post("/v1/vault/use", json=wish.model_dump(mode="json"))
            if answer.status_code == httpx.codes.FORBIDDEN:
                raise ModelTrouble("fatal", "not_granted", "Your keys are not for this journal.")
            answer.raise_for_status()
            given = KeysGiven.model_validate_json(answer.content)
        except (httpx.HTTPError, Unavailable, ValidationError):
            detail = "Nobody can say at the moment whether there are own keys."
            raise ModelTrouble("infrastructure", "vault_away", detail, AGAIN_SECONDS) from None
        return {name: SecretStr(key) for name, key in given.keys.items()}
