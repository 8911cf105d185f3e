#!/usr/bin/env bash
# Waits until no run of Dagster is in the code server's container, since runs end with it: up to WAIT_FOR_RUNS seconds
# (an hour; 0: not at all), then it is an error.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck disable=SC2086
compose() { ${COMPOSE:-docker compose} "$@"; }
until="$(($(date +%s) + ${WAIT_FOR_RUNS:-3600}))"
while [ -n "$(compose ps --quiet --status running code)" ]; do
  runs="$(compose exec -T code pipeline-entrypoint runs-in-flight </dev/null)"
  [ "$runs" != 0 ] || break
  [ "$(date +%s)" -lt "$until" ] || { echo "error: $runs runs are in flight; try again when they are over" >&2; exit 1; }
  sleep 10
done
