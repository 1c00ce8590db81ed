"""What people type, where it goes wrong before anything is started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from journalcraft.command import app


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ([""], "/theme: String should have at least 1 character"),
        (["x" * 10_000], "/theme: String should have at most 200 characters"),
        (["bell \x07"], "/theme: Value error, U+0007 is invisible or no character"),
        (["Calm", "--plan", "luxury"], "/plan: Input should be 'express'"),
        (["Calm", "--depth", "NaN", "--language", "English"], "/depth: Input should be 'light'"),
    ],
)
def test_a_bad_order_is_refused_in_one_line_before_anything_starts(
    tmp_path: Path, typed: list[str], told: str
) -> None:
    result = CliRunner().invoke(app, ["craft", *typed])

    assert result.exit_code == 2
    assert told in result.stdout
    assert result.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())
