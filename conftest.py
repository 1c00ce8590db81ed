"""One stack of real servers for the whole test run, started when the first test asks for it."""

from collections.abc import Iterator

import pytest

from journalcraft.servers import Addresses, Servers, start_servers

pytest_plugins = ["chassis.testing"]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """RabbitMQ, PostgreSQL, Redis and S3, stopped at the end."""
    with start_servers(tmp_path_factory.mktemp("servers"), durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def addresses(servers: Servers) -> Addresses:
    """Where they are."""
    return servers.addresses
