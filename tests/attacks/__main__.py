"""`python -m tests.attacks [group ...]`: every attack in full size; 1 where one is not held.

Writes `out/reports/attacks.json` and the table `infra/docs/attacks.md`.
"""

import sys
from pathlib import Path
from typing import Final

import pytest

from tests import report
from tests.attacks.counting import Counting, page

HERE: Final = Path(__file__).parent
PAGE: Final = report.ROOT / "infra" / "docs" / "attacks.md"


def main(groups: list[str]) -> int:
    """Try them; a group is the file `test_<group>.py`."""
    files = [HERE / f"test_{group}.py" for group in groups] or sorted(HERE.glob("test_*.py"))
    counting = Counting()
    ended = pytest.main(["-q", "-m", "deep or not deep", *map(str, files)], plugins=[counting])
    whole = report.write("attacks", {"groups": counting.groups()})
    if not groups:
        PAGE.write_text(page(counting, whole))
    return int(ended) or int(counting.fallen())


sys.exit(main(sys.argv[1:]))
