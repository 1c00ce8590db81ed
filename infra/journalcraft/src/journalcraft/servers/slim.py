"""A RabbitMQ without its seventy plugins: it starts in half the time.

At its start the node looks for 900 modules in one folder after the other. Here it gets a home of
links, with the folders of those applications alone that it asks for.
"""

import re
import shutil
from pathlib import Path

ROOTS = ("rabbit",)  # add a plugin's name here and the plugin can be enabled


def slim_home(script: Path, home: Path) -> Path:
    """Make the home of links; one that is laid out otherwise stays where it is."""
    original = script.resolve().parents[1]
    needed = _needed(original / "plugins")
    if not needed:
        return original
    shutil.rmtree(home, ignore_errors=True)
    (home / "plugins").mkdir(parents=True)
    for folder in (original / "sbin", original / "escript"):
        (home / folder.name).symlink_to(folder)
    for folder in needed:
        (home / "plugins" / folder.name).symlink_to(folder)
    return home


def _needed(plugins: Path) -> list[Path]:
    """The folders of the roots and of all they stand on; those of Erlang itself are elsewhere."""
    found: dict[str, Path] = {}
    asked = list(ROOTS)
    while asked:
        name = asked.pop()
        for note in plugins.glob(f"{name}-*/ebin/{name}.app"):
            if name not in found:
                found[name] = note.parents[1]
                asked += _applications(note.read_text())
    return list(found.values())


def _applications(note: str) -> list[str]:
    """What an Erlang application says that it needs."""
    lists = re.findall(r"\{(?:included_|optional_)?applications\s*,\s*\[([^\]]*)\]", note)
    return re.findall(r"\w+", " ".join(lists))
