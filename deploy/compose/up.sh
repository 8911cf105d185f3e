#!/usr/bin/env bash
# Starts the stack on this machine and waits until it is healthy. COMPOSE: the command of Compose v2.
set -euo pipefail
cd "$(dirname "$0")"
./secrets.sh
# shellcheck disable=SC2086
exec ${COMPOSE:-docker compose} up --detach --wait --wait-timeout "${WAIT:-300}" "$@"
