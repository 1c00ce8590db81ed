"""Running platforms for the journeys: real servers, each service its own process."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import pytest
from llmock.testing import LLMockServer

from chassis.ids import new_id
from journal_client.client import Client
from journal_contracts.api import Credentials
from journalcraft.platform import Platform, start_platform
from journalcraft.servers.ports import ALONE, reserve
from journalcraft.wiring import AUTH

from .attacks.counting import FULL
from .authoring import let_it_write
from .openid import liar as lying
from .openid import provider as providing
from .openid.liar import Liar
from .openid.provider import Provider


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether this is `make attacks`: its attacks are larger."""
    return pytestconfig.stash.get(FULL, False)


@pytest.fixture(scope="session")
def openid_ports() -> Iterator[tuple[int, int]]:
    """Where providers will be that people sign in by: the platform is told before they begin."""
    ports = reserve([ALONE] * 2)
    first, second = ports.numbers
    yield first, second
    ports.release()


@pytest.fixture(scope="session")
def platform(
    openid_ports: tuple[int, int], full: bool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """The platform, with the offline writer; but in `make attacks` passwords are cheap to check."""
    names = zip((providing.NAME, lying.NAME), openid_ports, strict=True)
    told = [providing.told_of(name, port) for name, port in names]
    auth = {
        "JCC_ERASE_AGAIN_SECONDS": "2",
        "JCC_OIDC_PROVIDERS": json.dumps(told),
        "JCC_PASSWORD_COST": "full" if full else "light",
    }
    with start_platform(tmp_path_factory.mktemp("platform"), extra={AUTH: auth}) as platform:
        yield platform


@pytest.fixture(scope="session")
def certified(openid_ports: tuple[int, int], platform: Platform) -> Iterator[Provider]:
    """A provider as others run it."""
    provider = Provider(openid_ports[0], platform.url)
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def standing_liar(openid_ports: tuple[int, int]) -> Iterator[Liar]:
    liar = Liar(openid_ports[1])
    liar.start()
    yield liar
    liar.stop()


@pytest.fixture
def liar(standing_liar: Liar) -> Liar:
    """A provider that says what a test wants; until then it behaves."""
    standing_liar.behave()
    return standing_liar


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
