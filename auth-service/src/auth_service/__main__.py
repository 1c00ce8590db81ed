"""`python -m auth_service` serves."""

from auth_service.app import build
from auth_service.settings import Settings
from chassis import telemetry, web

telemetry.start("auth-service")
settings = Settings()
web.serve(build(settings), settings)
