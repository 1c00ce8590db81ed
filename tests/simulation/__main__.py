"""`python -m tests.simulation SEED`: one seed alone, told from its beginning to its end."""

import sys

from .world import live

if __name__ == "__main__":
    life = live(int(sys.argv[1]))
    for at, who, what, about in life.log:
        print(f"{at:9.4f} {who:17} {what} {about}")  # noqa: T201 - this is what it is for
    print(dict(life.struck), *life.broken, sep="\n")  # noqa: T201
    sys.exit(bool(life.broken))
