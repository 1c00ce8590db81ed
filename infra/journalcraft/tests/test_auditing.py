"""`journalcraft audit`, typed at a platform that plays an audit (R9.2d)."""

from pathlib import Path
from typing import Any

import pytest

from journal_contracts.auditing import ActView, AuditReport, ChainView
from journalcraft.auditing import page_of

from .conftest import NOON, FakePlatform


def an_audit(*findings: str) -> AuditReport:
    return AuditReport(
        at=NOON,
        since=NOON,
        chain=ChainView(entries=3, erased=1, checkpoints=8, findings=findings),
        counts={"access": {"signed_in": 2}, "exports": {}},
        last={"access": (ActView(at=NOON, act="signed_in", told={"agent": "<script>"}),)},
    )


def audited(platform: FakePlatform, told: AuditReport) -> None:
    @platform.app.get("/v1/audit")
    async def audit() -> AuditReport:
        return told


@pytest.mark.parametrize(("findings", "code"), [((), 0), (("0/3: edited, or moved here",), 1)])
async def test_verify_says_what_it_found(
    typed: Any, fake_platform: FakePlatform, findings: tuple[str, ...], code: int
) -> None:
    audited(fake_platform, an_audit(*findings))

    done = await typed("audit", "verify")

    assert done.code == code
    assert (findings[0] if findings else "The audit holds: 3 entries") in done.told


async def test_report_writes_json_and_a_page(
    typed: Any, fake_platform: FakePlatform, tmp_path: Path
) -> None:
    audited(fake_platform, an_audit())

    done = await typed("audit", "report", "--since", "2026-11-01", "--out", str(tmp_path / "out"))

    told = AuditReport.model_validate_json((tmp_path / "out" / "audit.json").read_text())
    page = (tmp_path / "out" / "audit.html").read_text()
    assert (done.code, told) == (0, an_audit())
    assert "it holds" in page
    assert "<td>signed_in</td><td>2</td>" in page


def test_what_people_wrote_runs_nothing_on_the_page() -> None:
    assert "<script>" not in page_of(an_audit())
    assert "it does not hold" in page_of(an_audit("cut"))
