"""One stack of real servers for each test process, started when the first test asks for it."""

from collections.abc import Iterator
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from chassis.imports import staying
from journalcraft.servers import Addresses, Servers, start_servers

pytest_plugins = ["chassis.testing"]

TOGETHER: Final = {
    "tests/attacks/": "attacks",
    "tests/journeys/": "journeys",
    "tests/crew_report/": "journeys",
}
"""Folders whose files share a platform, which takes longer to start than most of them."""


class Shares(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """What several test processes take from the list: a file, or all that share a platform."""

    def _split_scope(self, nodeid: str) -> str:
        return next(
            (platform for folder, platform in TOGETHER.items() if nodeid.startswith(folder)),
            super()._split_scope(nodeid),
        )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares:
    """Share the work out like this, whatever `--dist` says."""
    return Shares(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests and all they import stay to the end."""
    with staying():
        yield


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """RabbitMQ, PostgreSQL, Redis and S3, stopped at the end."""
    with start_servers(tmp_path_factory.mktemp("servers"), durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def addresses(servers: Servers) -> Addresses:
    """Where they are."""
    return servers.addresses
