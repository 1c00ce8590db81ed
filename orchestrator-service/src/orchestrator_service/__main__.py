"""`python -m orchestrator_service` serves it; with `move-on` see `versions`."""

import sys

from chassis.imports import staying

with staying():
    from chassis import telemetry
    from chassis.web import serve
    from journal_contracts.catalogue import ORCHESTRATOR
    from orchestrator_service import versions
    from orchestrator_service.app import build
    from orchestrator_service.settings import Settings

if __name__ == "__main__":
    telemetry.start(ORCHESTRATOR)
    match sys.argv[1:]:
        case []:
            settings = Settings()
            serve(build(settings), settings)
        case ["move-on"]:
            versions.run()
        case _:
            raise SystemExit("usage: python -m orchestrator_service [move-on]")
