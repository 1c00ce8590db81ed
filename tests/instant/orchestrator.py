"""`python -m tests.instant.orchestrator`: the orchestrator's own code, on shorter fan-outs.

Two parts are enough to see them overtake each other; thirty only cost time.
"""

import gc

from chassis import telemetry
from chassis.web import serve
from journal_contracts.catalogue import ORCHESTRATOR
from orchestrator_service.app import build
from orchestrator_service.plan import DEFINITIONS
from orchestrator_service.settings import Settings

from .tables import with_two_parts


def install() -> None:
    """Let this process know every table in this form alone."""
    for version, table in list(DEFINITIONS.items()):
        DEFINITIONS[version] = with_two_parts(table, version)


if __name__ == "__main__":
    gc.freeze()  # as the service does
    install()
    telemetry.start(ORCHESTRATOR)
    settings = Settings()
    serve(build(settings), settings)
