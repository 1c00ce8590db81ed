"""Who is told what."""

import json
import stat
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from journalcraft.keys import CALLERS, Keys, keys_of
from journalcraft.servers import Addresses
from journalcraft.wiring import DATABASES, SERVICES, Site, environment_of

SHELL = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "AWS_SECRET_ACCESS_KEY": "not yours",
    "OPENAI_API_KEY": "sk-mine",
    "OPENAI_MODEL": "small",
    "JCC_USER_DAY_BUDGET": "2.50",
    "JCC_MODELS": "models.toml",
    "HTTPS_PROXY": "http://proxy:3128",
}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return keys_of(tmp_path)


@pytest.fixture
def environments(tmp_path: Path, keys: Keys) -> dict[str, dict[str, str]]:
    site = Site(
        state=tmp_path,
        ports={service: 20_000 + n for n, service in enumerate(SERVICES)},
        addresses=Addresses(
            amqp="amqp://a",
            postgres="postgresql://root@p/postgres",
            redis="redis://r",
            s3="http://k:s@127.0.0.1:9/?region=us-east-1",
        ),
        databases={service: f"postgresql://{name}@p/{name}" for service, name in DATABASES.items()},
        bucket="journals",
        keys=keys,
    )
    return {service: environment_of(service, site, SHELL) for service in SERVICES}


def test_every_service_is_told_what_it_needs_and_no_more(
    environments: dict[str, dict[str, str]],
) -> None:
    told = {s: {n for n in e if n.startswith("JCC_")} for s, e in environments.items()}
    all_are_told = {"JCC_HOST", "JCC_PORT", "JCC_AMQP_URL", "JCC_AUTH_URL"}

    assert {service: names - all_are_told for service, names in told.items()} == {
        "auth-service": {
            "JCC_DATABASE_URL",
            "JCC_SIGNING_KEY",
            "JCC_SERVICE_KEYS",
            "JCC_VAULT_KEYS",
            "JCC_ORCHESTRATOR_URL",
            "JCC_PUBLIC_URL",
            "JCC_STATE",
        },
        "gateway-service": {
            "JCC_REDIS_URL",
            "JCC_ORCHESTRATOR_URL",
            "JCC_MEDIA_URL",
            "JCC_WORKERS_URL",
            "JCC_SERVICE_KEY",
            "JCC_ALLOWED_ORIGINS",
        },
        "orchestrator-service": {"JCC_DATABASE_URL", "JCC_SERVICE_KEY", "JCC_USER_DAY_BUDGET"},
        "agent-workers": {
            "JCC_DATABASE_URL",
            "JCC_BLOBS_URL",
            "JCC_STATE",
            "JCC_SERVICE_KEY",
            "JCC_GRACE_SECONDS",
            "JCC_OPENAI_API_KEY",
            "JCC_MODEL",
            "JCC_MODELS",
        },
        "media-service": {"JCC_DATABASE_URL", "JCC_BLOBS_URL", "JCC_SERVICE_KEY"},
    }
    assert all(all_are_told <= names for names in told.values())


def test_secrets_of_the_shell_stay_there(environments: dict[str, dict[str, str]]) -> None:
    with_key = {s for s, e in environments.items() if "sk-mine" in e.values()}

    assert with_key == {"agent-workers"}
    assert not any("not yours" in e.values() for e in environments.values())


def test_a_table_of_models_is_found_from_everywhere(
    environments: dict[str, dict[str, str]],
) -> None:
    assert environments["agent-workers"]["JCC_MODELS"] == str(Path("models.toml").resolve())


def test_the_bucket_is_part_of_the_address(environments: dict[str, dict[str, str]]) -> None:
    told = environments["media-service"]["JCC_BLOBS_URL"]

    assert told == "http://k:s@127.0.0.1:9/journals?region=us-east-1"


@pytest.mark.parametrize("caller", CALLERS)
def test_what_a_caller_signs_is_known_to_auth(
    environments: dict[str, dict[str, str]], caller: str
) -> None:
    private = ECKey.import_key(json.loads(environments[caller]["JCC_SERVICE_KEY"]))
    public = json.loads(environments["auth-service"]["JCC_SERVICE_KEYS"])

    token = jwt.encode({"alg": "ES256", "kid": caller}, {"sub": "me"}, private)

    assert not any("d" in key for key in public["keys"])
    assert jwt.decode(token, KeySet.import_key_set(public)).claims == {"sub": "me"}


def test_keys_are_made_once_for_their_owners_eyes(tmp_path: Path, keys: Keys) -> None:
    mode = stat.S_IMODE((tmp_path / "keys.json").stat().st_mode)

    assert keys_of(tmp_path) == keys
    assert mode == 0o600


def test_a_caller_that_is_new_gets_a_key_and_the_others_keep_theirs(
    tmp_path: Path, keys: Keys
) -> None:
    place = tmp_path / "keys.json"
    older = {"signing": keys.signing, "services": {CALLERS[0]: keys.services[CALLERS[0]]}}
    place.write_text(json.dumps(older))

    now = keys_of(tmp_path)

    assert (now.signing, now.services[CALLERS[0]]) == (keys.signing, keys.services[CALLERS[0]])
    assert set(now.services) == set(CALLERS)
    assert keys_of(tmp_path) == now
