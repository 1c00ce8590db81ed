"""`python -m orchestrator_service` serves it."""

from chassis import telemetry
from chassis.web import serve
from journal_contracts.catalogue import ORCHESTRATOR
from orchestrator_service.app import build
from orchestrator_service.settings import Settings

if __name__ == "__main__":
    telemetry.start(ORCHESTRATOR)
    settings = Settings()
    serve(build(settings), settings)
