"""Whoever asks gets all that is kept of them, from every service, and nothing of anybody else."""

import io
import json
import zipfile

from chassis.ids import new_id
from journal_client.client import Client
from journal_contracts.api import Credentials, JournalOrder
from journal_contracts.product import PlanName
from journal_contracts.sessions import ExportOrder
from journalcraft.platform import Platform

from .following import until


async def lived(platform: Platform, word: str) -> Credentials:
    """Somebody who has used everything."""
    name = Credentials(email=f"{word}@example.org", password=f"a long pass phrase {new_id()}")
    async with Client.open(platform.url, name) as user:
        await user.register()
        await user.keep_document("diary.md", f"A worry, {word}, of the night.\n".encode() * 3)
        journal = await user.order(
            JournalOrder(
                theme=f"Journaling for {word}",
                plan=PlanName.COMPREHENSIVE,
                documents=("diary.md",),
            )
        )
        await until(user, journal, lambda view: bool(view.open_decisions))
        await user.cancel(journal)
    return name


async def exported(platform: Platform, name: Credentials) -> dict[str, bytes]:
    async with Client.open(platform.url, name) as user:
        told = [chunk async for chunk in user.export(ExportOrder(password=name.password))]
    with zipfile.ZipFile(io.BytesIO(b"".join(told))) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


async def test_an_export_has_what_every_service_keeps_and_of_nobody_else(
    platform: Platform,
) -> None:
    """R7.1."""
    word, other = f"word{new_id().hex}", f"other{new_id().hex}"
    name, _ = await lived(platform, word), await lived(platform, other)

    found = await exported(platform, name)

    everything = b"".join(found.values())
    assert other.encode() not in everything
    assert name.password.encode() not in everything
    assert json.loads(found["auth-service.json"])["account"][0]["email"] == name.email
    assert [j["theme"] for j in json.loads(found["orchestrator-service.json"])["journals"]] == [
        f"Journaling for {word}"
    ]
    assert word.encode() in found["files/documents/diary.md"]
    assert any(place.startswith("files/journals/") for place in found)
    assert json.loads(found["agent-workers.json"]).keys() == {"replies", "calls"}
    assert "document_uses" in json.loads(found["media-service.json"])
