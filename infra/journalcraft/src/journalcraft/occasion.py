"""A platform to talk to: the one that runs on a state folder, or one started for the occasion."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from journalcraft.lease import StateInUse, after_guests, has_guests, visit
from journalcraft.platform import start_platform


@contextlib.contextmanager
def platform_at(state: Path, say: Callable[[str], None]) -> Iterator[str]:
    """The URL of a platform on this folder. What was started here is stopped at the end.

    Other commands that use it are waited for, unless the block ends by an exception.
    """
    while True:
        try:
            platform = start_platform(state, say=say)
        except StateInUse:
            with visit(state) as url:
                if url:
                    say(f"Using the platform that runs on {url}.")
                    yield url
                    return
        else:
            with platform:
                yield platform.url
                if has_guests(state):
                    say("Another command still uses the platform; it is stopped when that is done.")
                with after_guests(state):
                    platform.stop()
            return
