"""`python -m auth_service` serves; with words it does what they say (`commands`)."""

import sys

from chassis.imports import staying

with staying():
    from auth_service import commands
    from auth_service.app import build
    from auth_service.settings import Settings
    from chassis import telemetry, web

telemetry.start("auth-service")
if sys.argv[1:]:
    commands.run(sys.argv[1:])
else:
    settings = Settings()
    web.serve(build(settings), settings)
