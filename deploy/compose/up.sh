#!/usr/bin/env bash
# Starts the stack on this machine and waits until it is healthy. COMPOSE: the command of Compose v2. Without names of
# images (SERVICE_IMAGE, PIPELINE_IMAGE, POSTGRES_IMAGE, PROXY_IMAGE) those of this checkout are built first.
set -euo pipefail
cd "$(dirname "$0")"
./secrets.sh
[ -n "${SERVICE_IMAGE:-}" ] || TAG=local ../images/build.sh all
# shellcheck disable=SC2086
exec ${COMPOSE:-docker compose} up --detach --wait --wait-timeout "${WAIT:-300}" "$@"
