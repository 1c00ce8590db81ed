"""`python -m journal_contracts FOLDER` writes the schemas and the AsyncAPI documents there."""

import sys
from pathlib import Path

from journal_contracts.publishing import BrokenPromise, write

if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]))
    except BrokenPromise as broken:
        sys.exit(str(broken))
