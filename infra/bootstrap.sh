#!/usr/bin/env bash
# Makes .venv from the locks: `bootstrap.sh local` to craft journals, `bootstrap.sh dev` to test as well.
# Needs python3 (3.11 to 3.13) with pip; needs no root and leaves the system alone. Does nothing twice.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${1:?local or dev}
members=(contracts infra/chassis auth-service gateway-service orchestrator-service agent-workers
    media-service infra/client infra/journalcraft)
locks=(requirements/*.lock infra/docker/build.lock "${members[@]/%//pyproject.toml}" infra/bootstrap.sh)
state=$(cat "${locks[@]}" | sha256sum | cut -d' ' -f1)

installed() { [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$state" ]; }

if installed dev || installed "$wanted"; then exit 0; fi
mkdir -p .tools
exec 9>.tools/lock
flock 9
if installed dev || installed "$wanted"; then exit 0; fi

for python in python3 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        break
    fi
    python=
done
: "${python:?Python 3.11, 3.12 or 3.13 is needed: apt-get install python3 python3-pip}"

export UV_PYTHON_DOWNLOADS=never
uv=$(command -v uv || echo .tools/uv/bin/uv)
if [ ! -x "$uv" ]; then
    "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --target .tools/uv --require-hashes -r requirements/uv.lock
fi
say() { [ -n "${QUIET:-}" ] || echo "$@" >&2; }

say "Installing what $wanted needs into .venv ..."
[ -x .venv/bin/python ] || "$uv" venv --quiet --python "$("$python" -c 'import sys; print(sys.executable)')" .venv
"$uv" pip install --quiet --python .venv/bin/python --require-hashes -r "requirements/$wanted.lock"
editable=()
for member in "${members[@]}"; do editable+=(-e "$member"); done
"$uv" pip install --quiet --python .venv/bin/python --no-deps \
    --build-constraints infra/docker/build.lock "${editable[@]}"
echo "$state" >".venv/installed-$wanted"
