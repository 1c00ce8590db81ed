"""The example of the client's README, as it stands there (R4.1d)."""

import re
from pathlib import Path
from typing import Any, Final

from chassis.ids import new_id
from journal_client.client import Client
from journal_contracts.api import Credentials
from journalcraft.platform import Platform

README: Final = Path(__file__).parents[2] / "infra/client/README.md"


async def test_ten_lines_order_a_journal_and_download_it(
    platform: Platform, tmp_path: Path
) -> None:
    who = Credentials(email=f"{new_id()}@example.org", password=f"a long pass phrase {new_id()}")
    async with Client.open(platform.url, who) as client:
        await client.register()
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - it is ours

    await names["main"](platform.url, who, book := tmp_path / "journal.pdf")

    assert book.read_bytes().startswith(b"%PDF-")
