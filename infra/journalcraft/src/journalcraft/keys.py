"""The keys of one state folder: made once, readable by their owner alone."""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from joserfc.jwk import ECKey

from journalcraft.files import write_private

SIGNING: Final = "access-tokens"
CALLERS: Final = ("gateway-service", "orchestrator-service", "media-service", "agent-workers")
"""The services that speak to others in their own name."""

Jwk = dict[str, Any]


@dataclass(frozen=True)
class Keys:
    """Private ES256 keys as JWK: the one that signs access tokens, and one for each caller."""

    signing: Jwk
    services: dict[str, Jwk]
    vault: str
    """What wraps users' keys to providers: 32 bytes in base64."""

    def public_services(self) -> dict[str, list[Jwk]]:
        """The callers' public keys as a JWKS; the key id is the service's name."""
        return {"keys": [_public(jwk) for jwk in self.services.values()]}


def keys_of(state: Path) -> Keys:
    """The keys of this state folder, made if there are none."""
    place = state / "keys.json"
    kept = json.loads(place.read_text()) if place.exists() else {}
    services = kept.get("services", {})
    made: dict[str, Any] = {
        "signing": kept.get("signing") or _make(SIGNING),
        "services": {name: services.get(name) or _make(name) for name in CALLERS},
        "vault": kept.get("vault") or base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    if made != kept:
        write_private(place, json.dumps(made))
    os.chmod(place, 0o600)
    return Keys(**made)


def _make(key_id: str) -> Jwk:
    key = ECKey.generate_key("P-256", {"kid": key_id, "use": "sig", "alg": "ES256"}, private=True)
    return dict(key.as_dict(private=True))


def _public(jwk: Jwk) -> Jwk:
    return {name: value for name, value in jwk.items() if name != "d"}
