#!/usr/bin/env bash
# backup.sh dumps all databases into the volume of dumps and prints where. With words it runs those beside the databases
# instead: `backup.sh ls /backups`, `backup.sh buddies-drill /backups`.
set -euo pipefail
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- buddies-dump /backups
# In the server's own container: Podman 4 says of whatever `compose run --rm` ran that it succeeded.
# shellcheck disable=SC2016,SC2086
exec ${COMPOSE:-docker compose} exec -T postgres sh -c \
  'PGHOST=127.0.0.1 PGUSER=buddies PGPASSWORD="$(cat /run/secrets/postgres-password)" exec "$@"' sh "$@" </dev/null
