"""What the gateway says of itself: for tests of all who ask it."""

import json
from typing import Any

from chassis.identity import new_key
from gateway_service.app import build
from gateway_service.settings import Settings


def operations() -> dict[str, dict[str, Any]]:
    """The operations, by method and path, as the gateway describes them; it need not run."""
    nowhere = "http://127.0.0.1:1"
    settings = Settings(
        port=1,
        amqp_url="amqp://127.0.0.1:1",
        auth_url=nowhere,
        orchestrator_url=nowhere,
        media_url=nowhere,
        workers_url=nowhere,
        redis_url="redis://127.0.0.1:1",
        service_key=json.dumps(new_key("gateway-service").as_dict(private=True)),
        allowed_origins=[],
    )
    return {
        f"{method.upper()} {path}": operation
        for path, operations in build(settings).openapi()["paths"].items()
        for method, operation in operations.items()
    }
