"""Who gets which setting: every environment variable of every service, in one table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from journalcraft.keys import Keys
from journalcraft.servers import Addresses

AUTH, GATEWAY, ORCHESTRATOR, WORKERS, MEDIA = (
    "auth-service",
    "gateway-service",
    "orchestrator-service",
    "agent-workers",
    "media-service",
)
SERVICES: Final = (AUTH, GATEWAY, ORCHESTRATOR, WORKERS, MEDIA)
DATABASES: Final = {AUTH: "auth", ORCHESTRATOR: "orchestrator", WORKERS: "workers", MEDIA: "media"}
BUCKET: Final = "journals"
GRACE_SECONDS: Final = 5
"""For steps under way when somebody stops the platform and waits for it."""

OF_THE_MACHINE: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What any program needs to know of the machine; nothing else of the shell reaches a service."""

OF_THE_NETWORK: Final = (  # of those who speak to the world outside
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
OF_THE_MODEL: Final = {
    "OPENAI_API_KEY": "JCC_OPENAI_API_KEY",
    "OPENAI_BASE_URL": "JCC_OPENAI_BASE_URL",
    "OPENAI_MODEL": "JCC_MODEL",
}
"""This goes to the workers alone."""
TABLE: Final = ("JCC_MODELS",)
"""A file in the place of those; it is named from where the command was typed."""
OF_THE_MAIL: Final = ("JCC_SMTP_URL", "JCC_MAIL_FROM")
"""Without them letters are files in the state folder."""
OF_THE_PROVIDERS: Final = ("JCC_OIDC_PROVIDERS",)
"""By whom people may sign in."""
OF_THE_HOUSE: Final = ("JCC_JOURNAL_BUDGET", "JCC_USER_DAY_BUDGET", "JCC_USER_DAY_TOKENS")
"""What journals and their users may cost."""

Environment = dict[str, str]


@dataclass(frozen=True)
class Site:
    """Where everything is. `databases` has a URL for each service that has one."""

    state: Path
    ports: Mapping[str, int]
    addresses: Addresses
    databases: Mapping[str, str]
    bucket: str
    keys: Keys

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    @property
    def blobs(self) -> str:
        """The store's URL with our bucket in it."""
        base, _, query = self.addresses.s3.partition("?")
        return f"{base.rstrip('/')}/{self.bucket}?{query}"


def mails_of(state: Path) -> Path:
    """Where letters lie that no mail server was named for."""
    return state / AUTH / "mails"


def environment_of(service: str, site: Site, shell: Mapping[str, str]) -> Environment:
    """All that a service is told. `shell` is the environment of the person who types."""
    return {
        **_taken(shell, OF_THE_MACHINE),
        "PYTHONUNBUFFERED": "1",
        "JCC_HOST": "127.0.0.1",
        "JCC_PORT": str(site.ports[service]),
        "JCC_AMQP_URL": site.addresses.amqp,
        "JCC_AUTH_URL": site.url(AUTH),
        **_own(service, site, shell),
    }


def _own(service: str, site: Site, shell: Mapping[str, str]) -> Environment:
    match service:
        case "auth-service":
            return {
                "JCC_DATABASE_URL": site.databases[AUTH],
                "JCC_SIGNING_KEY": json.dumps(site.keys.signing),
                "JCC_SERVICE_KEYS": json.dumps(site.keys.public_services()),
                "JCC_VAULT_KEYS": site.keys.vault,
                "JCC_ORCHESTRATOR_URL": site.url(ORCHESTRATOR),
                "JCC_PUBLIC_URL": site.url(GATEWAY),
                "JCC_STATE": str(site.state / AUTH),
                **_taken(shell, (*OF_THE_NETWORK, *OF_THE_MAIL, *OF_THE_PROVIDERS)),
                "NO_PROXY": _spared(shell),
            }
        case "gateway-service":
            port = site.ports[GATEWAY]
            return {
                "JCC_REDIS_URL": site.addresses.redis,
                "JCC_ORCHESTRATOR_URL": site.url(ORCHESTRATOR),
                "JCC_MEDIA_URL": site.url(MEDIA),
                "JCC_WORKERS_URL": site.url(WORKERS),
                "JCC_SERVICE_KEY": json.dumps(site.keys.services[GATEWAY]),
                "JCC_ALLOWED_ORIGINS": json.dumps(
                    [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
                ),
            }
        case "orchestrator-service":
            return {
                "JCC_DATABASE_URL": site.databases[ORCHESTRATOR],
                "JCC_SERVICE_KEY": json.dumps(site.keys.services[ORCHESTRATOR]),
                **_taken(shell, OF_THE_HOUSE),
            }
        case "media-service":
            return {
                "JCC_DATABASE_URL": site.databases[MEDIA],
                "JCC_BLOBS_URL": site.blobs,
                "JCC_SERVICE_KEY": json.dumps(site.keys.services[MEDIA]),
            }
        case "agent-workers":
            return {
                "JCC_DATABASE_URL": site.databases[WORKERS],
                "JCC_BLOBS_URL": site.blobs,
                "JCC_STATE": str(site.state / WORKERS),
                "JCC_SERVICE_KEY": json.dumps(site.keys.services[WORKERS]),
                "JCC_GRACE_SECONDS": str(GRACE_SECONDS),
                **_taken(shell, OF_THE_NETWORK),
                "NO_PROXY": _spared(shell),
                **{ours: shell[theirs] for theirs, ours in OF_THE_MODEL.items() if theirs in shell},
                **{name: str(Path(file).resolve()) for name, file in _taken(shell, TABLE).items()},
            }
        case _:
            raise KeyError(service)


def _taken(shell: Mapping[str, str], names: tuple[str, ...]) -> Environment:
    return {name: shell[name] for name in names if name in shell}


def _spared(shell: Mapping[str, str]) -> str:
    """Our own servers are never behind the proxy."""
    named = shell.get("NO_PROXY") or shell.get("no_proxy") or ""
    return ",".join(filter(None, (named, "127.0.0.1", "localhost")))
