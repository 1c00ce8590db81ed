"""Tokens made by hand: no library of ours, which would refuse to write what is wrong."""

import base64
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey

from chassis.claims import AUDIENCE, ISSUER, TOKEN_TYPE

GONE: Any = ...
"""In the place of a value: the name is left out."""


@dataclass(frozen=True)
class Forger:
    """Has seen a token that holds; has the real key too, for what a signature must not save."""

    key: ECKey
    service_key: ECKey
    own: ECKey
    seen: str

    def claims(self, **wrong: Any) -> dict[str, Any]:
        now = int(time.time())
        right = {
            **{"iss": ISSUER, "aud": AUDIENCE, "sub": str(uuid4()), "sid": str(uuid4())},
            **{"jti": str(uuid4()), "scope": "user", "roles": [], "amr": ["pwd"]},
            **{"auth_time": now, "iat": now, "iat_ms": now * 1_000, "exp": now + 300},
        }
        return _but(right, wrong)

    def header(self, **wrong: Any) -> dict[str, Any]:
        return _but({"alg": "ES256", "typ": TOKEN_TYPE, "kid": self.key.kid}, wrong)

    def says(self, **wrong: Any) -> str:
        """Wrong claims under the real signature."""
        return self.signed(claims=self.claims(**wrong))

    def headed(self, key: ECKey | None = None, **wrong: Any) -> str:
        """A wrong header under the real signature, or under another."""
        return self.signed(header=self.header(**wrong), key=key)

    def signed(
        self, *, header: object = None, claims: object = None, key: ECKey | None = None
    ) -> str:
        """What is given as text goes in as it is."""
        words = self._words(header, claims)
        return f"{words}.{b64(sign(words, key or self.key))}"

    def sealed(self, signature: bytes, **wrong: Any) -> str:
        """With a signature made of something else."""
        return f"{self._words(self.header(**wrong), None)}.{b64(signature)}"

    def mac(self, alg: str, secret: bytes) -> str:
        words = self._words(self.header(alg=alg), None)
        return f"{words}.{b64(hmac.digest(secret, words.encode(), f'sha{alg[2:]}'))}"

    def der(self) -> str:
        """The signature as ASN.1 has it."""
        words = self._words(None, None)
        return f"{words}.{b64(_private(self.key).sign(words.encode(), ECDSA(SHA256())))}"

    def with_signature(self, change: Any) -> str:
        """The token that was seen, with its signature changed."""
        words, _, signature = self.seen.rpartition(".")
        return f"{words}.{b64(change(unb64(signature)))}"

    def _words(self, header: object, claims: object) -> str:
        parts = (header or self.header(), claims or self.claims())
        return ".".join(b64(_text(part).encode()) for part in parts)


def sign(words: str, key: ECKey) -> bytes:
    r, s = decode_dss_signature(_private(key).sign(words.encode(), ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _private(key: ECKey) -> EllipticCurvePrivateKey:
    private = key.private_key
    assert private is not None
    return private


def _text(part: object) -> str:
    return part if isinstance(part, str) else json.dumps(part)


def _but(right: dict[str, Any], wrong: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**right, **wrong}.items() if value is not GONE}
