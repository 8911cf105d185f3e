#!/usr/bin/env bash
# Brings the stack to the images that the variables name. The code server is replaced only once no run of Dagster is in
# it, since runs end with it: this waits up to WAIT_FOR_RUNS seconds (0: refuse at once) and changes nothing otherwise.
# The service is away for a few seconds; where it must not be, use the chart, or replace it behind a proxy as tests/deploy/test_replacement.py does.
set -euo pipefail
cd "$(dirname "$0")"
compose() { ${COMPOSE:-docker compose} "$@"; }
until="$(($(date +%s) + ${WAIT_FOR_RUNS:-3600}))"
while [ -n "$(compose ps --quiet --status running code)" ]; do
  runs="$(compose exec -T code pipeline-entrypoint runs-in-flight)"
  [ "$runs" != 0 ] || break
  [ "$(date +%s)" -lt "$until" ] || { echo "error: $runs runs are in flight; try again when they are over" >&2; exit 1; }
  sleep 10
done
exec ./up.sh
