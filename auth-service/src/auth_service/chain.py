"""Chains of digests: an entry that was edited, cut out or moved shows in all that follow; pure.

An entry binds what went before it and the digest of its payload, never the payload: that may be
erased, and the chain still holds. A cut tail shows by what was signed of it elsewhere.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

SHARDS: Final = 8
"""Chains that grow side by side: who is written in one waits for that one alone."""
NOTHING: Final = bytes(32)
MOST_FINDINGS: Final = 100


@dataclass(frozen=True)
class Entry:
    """One act, where it stands; `payload` is None once it was erased."""

    shard: int
    seq: int
    at: datetime
    act: str
    digest: bytes
    hash: bytes
    payload: str | None = None


@dataclass(frozen=True)
class Mark:
    """Where a chain ended at a moment."""

    shard: int
    seq: int
    hash: bytes


@dataclass
class Verdict:
    """What was walked along, and what does not hold."""

    entries: int = 0
    erased: int = 0
    findings: list[str] = field(default_factory=list)

    def find(self, what: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(what)


def digest_of(payload: str) -> bytes:
    return hashlib.sha256(payload.encode()).digest()


def link(before: bytes, shard: int, seq: int, at: datetime, *, act: str, digest: bytes) -> bytes:
    """The hash of an entry after that one."""
    said = f"{shard}\n{seq}\n{at.astimezone(UTC).isoformat()}\n{act}\n".encode()
    return hashlib.sha256(before + said + digest).digest()


class Walk:
    """Along all chains, entry by entry, each chain in its order."""

    def __init__(self, signed: Iterable[Mark]) -> None:
        self.verdict = Verdict()
        self._ends = dict.fromkeys(range(SHARDS), (0, NOTHING))
        self._signed: dict[tuple[int, int], bytes] = {}
        for mark in signed:
            known = self._signed.setdefault((mark.shard, mark.seq), mark.hash)
            if known != mark.hash:
                self.verdict.find(f"{mark.shard}/{mark.seq}: signed twice, differently")

    def step(self, entry: Entry) -> None:
        where = f"{entry.shard}/{entry.seq}"
        seq, before = self._ends.get(entry.shard, (0, NOTHING))
        if entry.seq != seq + 1:
            self.verdict.find(f"{where}: follows {seq}")
        wanted = link(before, entry.shard, entry.seq, entry.at, act=entry.act, digest=entry.digest)
        if wanted != entry.hash:
            self.verdict.find(f"{where}: edited, or moved here")
        if entry.payload is None:
            self.verdict.erased += 1
        elif digest_of(entry.payload) != entry.digest:
            self.verdict.find(f"{where}: its payload was edited")
        if self._signed.pop((entry.shard, entry.seq), entry.hash) != entry.hash:
            self.verdict.find(f"{where}: not what was signed")
        self._ends[entry.shard] = entry.seq, entry.hash
        self.verdict.entries += 1

    def end(self, heads: Mapping[int, Mark]) -> Verdict:
        """After the last one; `heads` is where the chains say that they end."""
        for shard, (seq, last) in self._ends.items():
            head = heads.get(shard)
            if head is None or (head.seq, head.hash) != (seq, last):
                self.verdict.find(f"{shard}: ends at {seq}, and should not")
        for (shard, seq), hashed in self._signed.items():
            if (seq, hashed) != (0, NOTHING):
                self.verdict.find(f"{shard}/{seq}: was signed, and is gone")
        return self.verdict
