"""Where the chains of the audit ended, signed, in a file apart from the database.

Whoever can rewrite the database cannot sign; a chain alone would not miss its own tail. Copy the
file to where nobody of this service writes: it only grows.
"""

import asyncio
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth_service import audit
from auth_service.chain import Mark
from chassis.database import Database
from chassis.ids import now

log: Final = structlog.get_logger()

EVERY_SECONDS: Final = 60.0
FILE: Final = "checkpoints.jsonl"


class Forged(ValueError):
    """A line that this service's secret did not sign."""


class Signer:
    """Signs with a key that follows from the service's one secret."""

    def __init__(self, secret: bytes) -> None:
        derived = HKDF(SHA256(), 32, None, b"checkpoints of the audit").derive(secret)
        self._key = Ed25519PrivateKey.from_private_bytes(derived)

    def line(self, marks: Iterable[Mark], at: datetime) -> str:
        """A checkpoint in one line."""
        ends = {str(mark.shard): [mark.seq, mark.hash.hex()] for mark in marks}
        said = json.dumps({"at": at.isoformat(), "ends": ends}, sort_keys=True)
        return json.dumps({"said": said, "signature": self._key.sign(said.encode()).hex()})

    def read(self, line: str) -> list[Mark]:
        """What a line says; raises `Forged`."""
        try:
            told: dict[str, Any] = json.loads(line)
            said = told["said"]
            self._key.public_key().verify(bytes.fromhex(told["signature"]), said.encode())
            ends = json.loads(said)["ends"]
        except (InvalidSignature, ValueError, KeyError, TypeError) as error:
            raise Forged from error
        return [Mark(int(shard), seq, bytes.fromhex(h)) for shard, (seq, h) in ends.items()]


class Checkpoints:
    """The file."""

    def __init__(self, signer: Signer, folder: Path) -> None:
        self._signer = signer
        self._file = folder / FILE
        self._last: dict[int, Mark] = {}

    async def write(self, database: Database) -> bool:
        """Sign where the chains end now; false where nothing was added since."""
        async with database.transaction() as session:
            ends = await audit.heads(session)
        if ends == self._last:
            return False
        await asyncio.to_thread(self._append, self._signer.line(ends.values(), now()))
        self._last = ends
        return True

    async def read(self) -> tuple[list[Mark], list[str]]:
        """All that was signed, and what is wrong with the file."""
        text = await asyncio.to_thread(
            lambda: self._file.read_text() if self._file.exists() else ""
        )
        marks, findings = list[Mark](), list[str]()
        for number, line in enumerate(text.splitlines(), 1):
            try:
                marks += self._signer.read(line)
            except Forged:
                findings.append(f"checkpoint {number}: not signed by this service")
        return marks, findings

    async def keep_writing(self, database: Database) -> None:
        while True:
            await self.write(database)
            await asyncio.sleep(EVERY_SECONDS)

    def _append(self, line: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._file.open("a") as file:
            file.write(f"{line}\n")
