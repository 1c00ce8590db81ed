"""What may be read by somebody else's leave alone lies in envelopes: pure.

Each secret is closed with a key of its own (AES-256-GCM), which is wrapped with the vault's. Both
are bound to what they are about: put into another row, neither opens. Without its data key a
secret is noise, wherever copies of it lie.
"""

import base64
import hashlib
import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.seals import Unsealable

BYTES: Final = 32
NONCE: Final = 12


@dataclass(frozen=True)
class Wrapped:
    """A data key, and the name of the vault's key that it is wrapped with."""

    kek: str
    key: bytes


class Envelopes:
    """Closes with the first of the vault's keys, opens with any of them."""

    def __init__(self, keys: str) -> None:
        """`keys` are 32 bytes each in base64, with spaces between; the current one first."""
        read = [base64.b64decode(key, validate=True) for key in keys.split()]
        if not read or any(len(key) != BYTES for key in read):
            raise ValueError("The vault needs keys of 32 bytes, in base64.")
        self._keys = {hashlib.sha256(key).hexdigest()[:16]: AESGCM(key) for key in read}
        self.current = next(iter(self._keys))

    def close(self, secret: bytes, about: bytes) -> tuple[bytes, Wrapped]:
        """The closed secret, and what it is opened with."""
        key = os.urandom(BYTES)
        return _encrypted(AESGCM(key), secret, about), self._wrap(key, about)

    def open(self, sealed: bytes, wrapped: Wrapped, about: bytes) -> bytes:
        """Raises `Unsealable`."""
        return _decrypted(AESGCM(self._unwrap(wrapped, about)), sealed, about)

    def rewrap(self, wrapped: Wrapped, about: bytes) -> Wrapped:
        """The same data key, wrapped with the current one. Raises `Unsealable`."""
        return self._wrap(self._unwrap(wrapped, about), about)

    def _wrap(self, key: bytes, about: bytes) -> Wrapped:
        return Wrapped(self.current, _encrypted(self._keys[self.current], key, about))

    def _unwrap(self, wrapped: Wrapped, about: bytes) -> bytes:
        if wrapped.kek not in self._keys:
            raise Unsealable(wrapped.kek)
        return _decrypted(self._keys[wrapped.kek], wrapped.key, about)


def _encrypted(cipher: AESGCM, plain: bytes, about: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + cipher.encrypt(nonce, plain, about)


def _decrypted(cipher: AESGCM, closed: bytes, about: bytes) -> bytes:
    try:
        return cipher.decrypt(closed[:NONCE], closed[NONCE:], about)
    except InvalidTag as error:
        raise Unsealable from error
