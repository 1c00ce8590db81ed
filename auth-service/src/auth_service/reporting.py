"""What operators are told of the audit: whether it holds, and what was done."""

import json
from collections import Counter, defaultdict, deque
from datetime import datetime
from typing import Final

from auth_service import audit
from auth_service.chain import Entry
from auth_service.desk import Desk
from chassis.ids import now
from journal_contracts.auditing import ActView, AuditReport, ChainView

SHOWN: Final = 100
"""The last of each section."""
ACCESS: Final = "access"
SECTIONS: Final = ("access", "admin", "vault", "exports", "erasures")
SECTION_OF: Final = {
    "operator_granted": "admin",
    "operator_revoked": "admin",
    "signing_key_rotated": "admin",
    "signing_key_revoked": "admin",
    "vault_rewrapped": "admin",
    "dead_letters_redriven": "admin",
    "dead_letters_dropped": "admin",
    "key_written": "vault",
    "key_shredded": "vault",
    "vault_used": "vault",
    "vault_refused": "vault",
    "exported": "exports",
    "account_deleted": "erasures",
    "erasure_confirmed": "erasures",
    "erased_again": "erasures",
}
"""Everything else is about who came in, and how."""


async def report(at: Desk, since: datetime) -> AuditReport:
    """Walk along all of it, and count what was done since then."""
    marks, findings = await at.checkpoints.read()
    counts: dict[str, Counter[str]] = {name: Counter() for name in SECTIONS}
    last: dict[str, deque[Entry]] = defaultdict(lambda: deque(maxlen=SHOWN))
    async with at.database.transaction() as session:
        walk, heads = await audit.begin_walk(session, marks)
        async for entry in audit.entries(session):
            walk.step(entry)
            if entry.at >= since:
                section = SECTION_OF.get(entry.act, ACCESS)
                counts[section][entry.act] += 1
                last[section].append(entry)
        verdict = walk.end(heads)
    return AuditReport(
        at=now(),
        since=since,
        chain=ChainView(
            entries=verdict.entries,
            erased=verdict.erased,
            checkpoints=len(marks),
            findings=(*findings, *verdict.findings),
        ),
        counts={name: dict(counted) for name, counted in counts.items()},
        last={
            name: tuple(_view(entry) for entry in sorted(last[name], key=lambda e: e.at))
            for name in SECTIONS
        },
    )


def _view(entry: Entry) -> ActView:
    told = json.loads(entry.payload) if entry.payload else {}
    told.pop("salt", None)
    return ActView(at=entry.at, act=entry.act, told=told)
