"""The binder: a manuscript and its pictures become a tagged PDF, and are measured on the file."""

from agent_workers.bind.galley import PageFormat, PictureMissing
from agent_workers.bind.glyphs import ScriptNotCovered, unprintable
from agent_workers.bind.measuring import Measured, measure
from agent_workers.bind.press import Press
from agent_workers.bind.typesetting import bind

__all__ = [
    "Measured",
    "PageFormat",
    "PictureMissing",
    "Press",
    "ScriptNotCovered",
    "bind",
    "measure",
    "unprintable",
]
