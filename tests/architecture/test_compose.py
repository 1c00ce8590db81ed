"""docker-compose.yml is the map of the running system: it must be true."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import agent_workers.settings
import auth_service.settings
import gateway_service.settings
import media_service.settings
import orchestrator_service.settings
from agent_workers.handlers import GRACE_SECONDS
from chassis.settings import ServiceSettings
from chassis.web import REQUESTS_SECONDS

HANDING_BACK = 10
ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, Any] = COMPOSE["services"]
SETTINGS: dict[str, type[ServiceSettings]] = {
    "agent-workers": agent_workers.settings.Settings,
    "auth-service": auth_service.settings.Settings,
    "gateway-service": gateway_service.settings.Settings,
    "media-service": media_service.settings.Settings,
    "orchestrator-service": orchestrator_service.settings.Settings,
}


def _told(container: dict[str, Any]) -> set[str]:
    """The settings a service is told, by its environment or by a secret."""
    secrets = {secret["target"] for secret in container["secrets"]}
    names = {name.lower() for name in container["environment"]} | secrets
    return {name.removeprefix("jcc_") for name in names if name.startswith("jcc_")}


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_is_told_what_it_needs_and_nothing_it_does_not_know(service: str) -> None:
    fields = SETTINGS[service].model_fields
    needed = {name for name, field in fields.items() if field.is_required()}

    told = _told(CONTAINERS[service])

    assert needed - told == set()
    assert told - set(fields) == set()


def test_urls_with_passwords_and_keys_are_secrets() -> None:
    for service in SETTINGS:
        told = {name.lower() for name in CONTAINERS[service]["environment"]}
        secret = {name for name in told if name.endswith(("key", "keys", "redis_url"))}

        assert secret == set(), service
        assert not told & {"jcc_database_url", "jcc_amqp_url", "jcc_blobs_url"}, service


def test_every_secret_is_made_by_the_script_and_none_twice(tmp_path: Path) -> None:
    script = [str(ROOT / "infra/docker/make-secrets.sh"), str(tmp_path)]

    subprocess.run(script, check=True, capture_output=True)
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    subprocess.run(script, check=True, capture_output=True)

    assert set(COMPOSE["secrets"]) <= set(first)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first
    assert tmp_path.stat().st_mode & 0o077 == 0


def test_every_container_can_be_asked_how_it_is() -> None:
    for name, container in CONTAINERS.items():
        dockerfile = ROOT / name / "Dockerfile"

        assert "healthcheck" in container or "HEALTHCHECK" in dockerfile.read_text(), name


def test_nothing_starts_before_what_it_stands_on_is_healthy() -> None:
    for name in SETTINGS:
        waits = CONTAINERS[name]["depends_on"]

        assert "rabbitmq" in waits, name
        assert {wait["condition"] for wait in waits.values()} == {"service_healthy"}, name


def test_a_worker_has_time_to_end_its_steps_before_it_is_killed() -> None:
    """R8.1a: the requests end, then the steps, then what is left is handed back."""
    told = CONTAINERS["agent-workers"]["stop_grace_period"]

    assert float(told.removesuffix("s")) >= REQUESTS_SECONDS + GRACE_SECONDS + HANDING_BACK


def test_the_edge_alone_is_published_and_only_on_this_machine() -> None:
    published = {name: each["ports"] for name, each in CONTAINERS.items() if "ports" in each}

    assert published == {"edge": ["127.0.0.1:8000:8080"]}
    assert COMPOSE["networks"]["inner"] == {"internal": True}


def test_who_has_a_way_out_is_named_here() -> None:
    inside = {name for name, each in COMPOSE["networks"].items() if (each or {}).get("internal")}
    out = {name: set(each["networks"]) - inside for name, each in CONTAINERS.items()}

    assert {name: ways for name, ways in out.items() if ways} == {
        "edge": {"edge"},
        "agent-workers": {"models"},
        "auth-service": {"mail", "sign-in"},
        "orchestrator-service": {"hooks"},
    }


def test_the_gateway_believes_the_edge_and_nobody_else_about_who_asks() -> None:
    """R7.2b: on the network between them there is nobody else."""
    (front,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    told = CONTAINERS["gateway-service"]["environment"]["JCC_TRUSTED_PROXIES"]
    there = {name for name, each in CONTAINERS.items() if "front" in each["networks"]}

    assert json.loads(told) == [front["subnet"]]
    assert there == {"edge", "gateway-service"}


def test_the_edge_has_deadlines_and_keeps_metrics_inside() -> None:
    """R7.2b, R9.2b: for heads and bodies, before the gateway hears of a request."""
    (mounted,) = CONTAINERS["edge"]["volumes"]
    told = (ROOT / mounted.partition(":")[0]).read_text().split("\n")
    words = [line.split() for line in told]

    assert {"read_header", "read_body", "idle", "max_header_size"} <= {w[0] for w in words if w}
    (inside,) = [set(line[2:]) for line in words if line[:2] == ["@inside", "path"]]
    assert {"/metrics", "/livez", "/readyz", "/startupz"} <= inside
    assert ["respond", "@inside", "404"] in words


def test_every_container_is_locked_down() -> None:
    for name, container in CONTAINERS.items():
        assert container["read_only"], name
        assert container["cap_drop"] == ["ALL"], name
        assert container["security_opt"] == ["no-new-privileges:true"], name
        assert container["deploy"]["resources"]["limits"]["memory"], name
        assert container["restart"] == "unless-stopped", name
