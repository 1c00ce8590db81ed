"""What must be read again and lies in the database is sealed, each kind with a key of its own.

All follow from the one secret that the service is started with.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Unsealable(ValueError):
    """It was sealed with another secret, or changed."""


class Seal:
    """Closes and opens what belongs to one purpose."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        derived = HKDF(SHA256(), 32, None, purpose.encode()).derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def close(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """Raises `Unsealable`."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise Unsealable from error
