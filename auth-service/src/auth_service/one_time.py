"""Codes of an authenticator (RFC 6238) and recovery codes; pure."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

SECONDS: Final = 30
DIGITS: Final = 6
DRIFT: Final = 1
"""Steps by which the user's clock may be off, either way."""
RECOVERY_CODES: Final = 10
ISSUER: Final = "Journal Craft Crew"


def new_secret() -> bytes:
    return secrets.token_bytes(20)


def as_typed(secret: bytes) -> str:
    """The secret in letters, for who cannot scan it."""
    return base64.b32encode(secret).decode()


def uri_of(secret: bytes, email: str) -> str:
    """What an authenticator scans."""
    asked = urlencode({"secret": as_typed(secret), "issuer": ISSUER}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{ISSUER}:{email}')}?{asked}"


def code_of(secret: bytes, step: int) -> str:
    """The code of one step."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0xF
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // SECONDS


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The step whose code this is; None if it is that of none of about now."""
    found = None
    for step in range(step_at(now) - DRIFT, step_at(now) + DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()):
            found = step
    return found


def new_recovery_codes() -> tuple[str, ...]:
    """Each 80 bits, in four groups a person can copy."""
    drawn = (
        base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)
    )
    return tuple("-".join(each[n : n + 4] for n in range(0, 16, 4)) for each in drawn)


def recovery_digest(code: str) -> bytes:
    """However it was typed."""
    return hashlib.sha256("".join(filter(str.isalnum, code.lower())).encode()).digest()
