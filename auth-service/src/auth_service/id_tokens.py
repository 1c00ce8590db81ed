"""What a provider says in an ID token, read strictly; pure.

Nothing in it is believed before its signature holds under a key of the provider's that is no
secret: a token "signed" with the client's secret, or with a public key as one, is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped, unused-ignore]
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from journal_contracts.api import Email

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
KINDS: Final = ("RSA", "EC", "OKP")
"""Of keys that have a public half."""
LEEWAY: Final = 60
"""Seconds by which clocks may differ."""
ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(Email)


class _Said(BaseModel):
    """The claims that count here, each of its own type and no other."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    iss: str
    sub: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
    aud: str | list[str]
    exp: int
    iat: int
    nonce: str
    azp: str | None = None
    auth_time: Annotated[int, Field(ge=0, le=2**33)] | None = None


@dataclass(frozen=True)
class Shown:
    """Who somebody is to a provider."""

    issuer: str
    subject: str
    auth_time: int | None
    """When they showed that to it, in seconds since 1970; None where it does not say."""
    email: str | None
    """Where their mail goes, if the provider says that it verified that."""


def usable(keys: Mapping[str, Any]) -> KeySet:
    """Those of a provider's keys that can sign, and verify in everybody's hands."""
    found = [key for key in keys["keys"] if key.get("kty") in KINDS and key.get("use") != "enc"]
    return KeySet.import_key_set({"keys": found})


def read(
    token: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
    now: datetime,
) -> tuple[Shown, bool]:
    """Who it speaks of, and whether it says anything of an address; raises what joserfc raises,
    or `ValueError`."""
    registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    decoded = jwt.decode(token, keys, registry=registry)
    if "crit" in decoded.header:
        raise ValueError("it wants what nobody here knows")
    said = _Said.model_validate(decoded.claims)
    if said.aud not in (client_id, [client_id]):
        raise ValueError("for others, or for others too")
    wanted = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
    }
    known = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    claims = CodeIDToken(decoded.claims, decoded.header, wanted, known)
    claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    shown = Shown(said.iss, said.sub, said.auth_time, vouched_in(decoded.claims))
    return shown, "email" in decoded.claims


def vouched_in(claims: Mapping[str, Any]) -> str | None:
    """The address, if it is one and `email_verified` is true, which no word is."""
    if claims.get("email_verified") is not True:
        return None
    try:
        address = ADDRESS.validate_python(claims.get("email"))
    except ValidationError:
        return None
    return address if address.isprintable() else None
