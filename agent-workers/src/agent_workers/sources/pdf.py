"""`python -m agent_workers.sources.pdf`: a PDF in, the text of its pages out as JSON.

A process of its own, with little memory and time and nothing in its environment: the file may be
made to harm whoever reads it.
"""

import io
import json
import logging
import resource
import sys
from typing import Final

from pypdf import PdfReader

MEMORY: Final = 1_000_000_000
SECONDS: Final = 20
MOST_PAGES: Final = 300
MOST_TEXT: Final = 1_000_000


def main() -> None:
    """Read what is typed in; ends with 1 where it is no PDF that can be read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable()
    pages: list[str] = []
    for page in PdfReader(io.BytesIO(sys.stdin.buffer.read())).pages[:MOST_PAGES]:
        pages.append(page.extract_text())
        if sum(map(len, pages)) > MOST_TEXT:
            break
    sys.stdout.write(json.dumps(pages))


if __name__ == "__main__":
    main()
