"""`python -m agent_workers` serves it. The surroundings are set before CrewAI is imported."""

from chassis.imports import staying

with staying():
    from agent_workers.environment import prepare
    from agent_workers.settings import Settings
    from chassis import telemetry
    from chassis.web import serve
    from journal_contracts.catalogue import WORKERS

if __name__ == "__main__":
    telemetry.start(WORKERS)
    settings = Settings()
    prepare(settings.state)
    with staying():
        from agent_workers.app import build
    serve(build(settings), settings)
