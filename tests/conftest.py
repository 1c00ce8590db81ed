"""Running platforms for the journeys: real servers, each service its own process."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from llmock.testing import LLMockServer

from chassis.ids import new_id
from journal_client.client import Client
from journal_contracts.api import Credentials
from journalcraft.platform import Platform, start_platform
from journalcraft.wiring import AUTH

from .attacks.counting import FULL
from .authoring import let_it_write


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether this is `make attacks`: its attacks are larger."""
    return pytestconfig.stash.get(FULL, False)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, full: bool) -> Iterator[Platform]:
    """The platform, with the offline writer; but in `make attacks` passwords are cheap to check."""
    cost = "full" if full else "light"
    told = {AUTH: {"JCC_ERASE_AGAIN_SECONDS": "2", "JCC_PASSWORD_COST": cost}}
    with start_platform(tmp_path_factory.mktemp("platform"), extra=told) as platform:
        yield platform


@pytest.fixture(scope="session")
def provider() -> Iterator[LLMockServer]:
    """An OpenAI-shaped server whose model can write journals."""
    with pytest.MonkeyPatch.context() as patch, LLMockServer() as server:
        let_it_write(patch)
        yield server


@pytest.fixture(scope="session")
def platform_on_provider(
    provider: LLMockServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """The platform, with that model behind HTTP."""
    state = tmp_path_factory.mktemp("platform-on-provider")
    with start_platform(state, extra={"agent-workers": told_of(provider)}) as platform:
        yield platform


def told_of(provider: LLMockServer) -> dict[str, str]:
    """What makes workers ask that model."""
    return {
        "JCC_OPENAI_BASE_URL": provider.base_url("openai"),
        "JCC_OPENAI_API_KEY": "sk-test",
        "JCC_LEASE_SECONDS": "4",
    }


@pytest.fixture
async def user(platform: Platform) -> AsyncIterator[Client]:
    """A new account, signed in."""
    async with registered(platform.url) as client:
        yield client


@pytest.fixture
async def stranger(platform: Platform) -> AsyncIterator[Client]:
    """Another new account."""
    async with registered(platform.url) as client:
        yield client


@contextlib.asynccontextmanager
async def registered(url: str) -> AsyncIterator[Client]:
    """An account nobody had before."""
    name = Credentials(email=f"{new_id()}@example.org", password=f"a long pass phrase {new_id()}")
    async with Client.open(url, name) as client:
        await client.register()
        await client.login()
        yield client
