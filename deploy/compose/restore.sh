#!/usr/bin/env bash
# restore.sh DUMP puts a dump (a name in the volume of dumps, such as 20261128T021500Z) in place of the databases. It is
# tried in databases of another name first, so that a damaged one changes nothing; what was there is dumped before it goes.
# Everything but PostgreSQL is stopped meanwhile, runs of Dagster too; the service's feedback waits in its spool.
set -euo pipefail
cd "$(dirname "$0")"
dump="${1:?give the name of a dump: docker compose run --rm backup ls /backups}"
case "$dump" in *[!0-9TZ]*) echo "error: $dump is no name of a dump" >&2; exit 2 ;; esac
compose() { ${COMPOSE:-docker compose} "$@"; }
inside() { compose run --rm -T backup "$@" </dev/null; }
databases="$(inside cat "/backups/$dump/databases.txt")"
for database in $databases; do inside dropdb --if-exists --force "tried_$database"; done
inside buddies-restore "/backups/$dump" tried_
trap 'compose start >/dev/null' EXIT
compose stop proxy service mlflow dashboard daemon webserver code
echo "what was there is in $(inside buddies-dump /backups)"
for database in $databases; do
  inside dropdb --if-exists --force "$database"
  inside psql -XAtq -d postgres -c "ALTER DATABASE \"tried_$database\" RENAME TO \"$database\""
  echo "restored $database"
done
trap - EXIT
compose up --detach --wait --wait-timeout "${WAIT:-300}"
