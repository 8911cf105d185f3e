#!/usr/bin/env bash
# restore.sh DUMP puts a dump (a name in the volume of dumps, such as 20261128T021500Z) in place of the databases. It is
# tried in databases of another name first, so that a damaged one changes nothing; what was there is dumped before it goes.
# Everything but PostgreSQL is stopped meanwhile, runs of Dagster too; the service's feedback waits in its spool.
set -euo pipefail
cd "$(dirname "$0")"
dump="${1:-}"
case "$dump" in
  "" | *[!0-9TZ]*) echo "error: name a dump: ./backup.sh ls /backups lists them" >&2; exit 2 ;;
esac
# shellcheck disable=SC2086
compose() { ${COMPOSE:-docker compose} "$@"; }
./backup.sh buddies-in-place try "/backups/$dump"
trap 'compose start >/dev/null' EXIT
compose stop proxy service mlflow dashboard daemon webserver code
./backup.sh buddies-in-place switch "/backups/$dump"
trap - EXIT
compose up --detach --wait --wait-timeout "${WAIT:-300}"
