"""What CrewAI finds around it. It must be set before the first import of `crewai`."""

import os
from pathlib import Path
from typing import Final

QUIET: Final = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TESTING": "true",
    "PYTHON_DOTENV_DISABLED": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "HF_HUB_OFFLINE": "1",
}
FOLDERS: Final = ("CREWAI_STORAGE_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME")


def prepare(state: Path) -> None:
    """Keep it from calling home, and let it write nowhere but in `state`."""
    state.mkdir(parents=True, exist_ok=True)
    os.environ.update(QUIET)
    os.environ.update(dict.fromkeys(FOLDERS, str(state.absolute())))
    os.environ.pop("REDIS_URL", None)
