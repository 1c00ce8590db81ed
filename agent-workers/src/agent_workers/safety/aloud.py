"""What may be read of a text while a model writes it: whole sentences, checked as print is."""

import re
from typing import Final

from agent_workers.safety.texts import faults_in

END: Final = re.compile(r"""[.!?…]["'”’)]*(?=\s)|["\n]""")
"""Where a sentence ends, or a text of the JSON that it comes in."""
MARK: Final = re.compile(r'\\u[0-9a-fA-F]{4}|\\.|"|[^"\\]+|\\', re.S)
BEFORE: Final = 400
"""Characters that are read again with what follows them: harm may need two sentences."""


class Aloud:
    """One answer as it comes in. From the first sentence that falls on, none of it is read."""

    def __init__(self) -> None:
        self._under_way = ""
        self._before = ""
        self._is_json: bool | None = None
        self._in_text = False
        self._holds = True

    @property
    def held(self) -> int:
        """Characters of the sentence under way, which may yet fall."""
        return len(self._under_way)

    def take(self, text: str) -> None:
        """More was written."""
        self._under_way += text

    def whole(self, *, is_read: bool) -> str:
        """The sentences that ended since the last time, if somebody reads and all of them hold."""
        ends = [match.end() for match in END.finditer(self._under_way)]
        end = ends[-1] if ends else 0
        text, self._under_way = self._under_way[:end], self._under_way[end:]
        seen = self._before + self._as_read(text)
        self._before = seen[-BEFORE:]
        if not (text and is_read and self._holds):
            return ""
        self._holds = not any(faults_in(seen))
        return text if self._holds else ""

    def _as_read(self, text: str) -> str:
        """The texts in a piece of JSON, each a paragraph; what is no JSON is read as it stands."""
        if self._is_json is None and text.strip():
            self._is_json = text.lstrip().startswith(("{", "["))
        if not self._is_json:
            return text
        read: list[str] = []
        for mark in MARK.findall(text):
            if mark == '"':
                self._in_text = not self._in_text
                read.append("\n")
            elif self._in_text:
                read.append(_meant(mark))
        return "".join(read)


def _meant(mark: str) -> str:
    """What stands in a text of JSON; an escaped line or tab is a space between words."""
    if not mark.startswith("\\"):
        return mark
    sign = mark[1:]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else " " if sign in "nrt" else sign
