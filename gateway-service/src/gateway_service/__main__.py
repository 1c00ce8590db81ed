"""`python -m gateway_service` serves."""

from chassis.imports import staying

with staying():
    from chassis import telemetry, web
    from gateway_service.app import build
    from gateway_service.settings import Settings
    from journal_contracts.catalogue import GATEWAY

telemetry.start(GATEWAY)
settings = Settings()
web.serve(build(settings), settings, trusted_proxies=[str(p) for p in settings.trusted_proxies])
