"""`python -m media_service` serves."""

from chassis.imports import staying

with staying():
    from chassis import telemetry
    from chassis.web import serve
    from media_service.app import SERVICE, build
    from media_service.settings import Settings

telemetry.start(SERVICE)
settings = Settings()
serve(build(settings), settings)
