"""`python -m journal_contracts FOLDER` writes the schemas and the AsyncAPI documents there."""

import sys
from pathlib import Path

from journal_contracts.publishing import documents

if __name__ == "__main__":
    for path, text in documents().items():
        place = Path(sys.argv[1]) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
