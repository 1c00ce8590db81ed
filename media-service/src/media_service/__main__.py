"""`python -m media_service`"""

from chassis import telemetry
from chassis.web import serve
from media_service.app import SERVICE, build
from media_service.settings import Settings


def main() -> None:
    telemetry.start(SERVICE)
    settings = Settings()
    serve(build(settings), settings)


if __name__ == "__main__":
    main()
