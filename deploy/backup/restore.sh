#!/bin/sh
# buddies-restore DUMP [PREFIX]: the databases of a dump (a folder of buddies-dump) into the server PGHOST, under names
# that begin with PREFIX. Refused where a file is not what was dumped, or where a database is there already.
set -eu
from="${1:?give the folder of a dump}" prefix="${2:-}"
[ -s "$from/SHA256SUMS" ] || { echo "error: $from holds no SHA256SUMS, so it is no whole dump" >&2; exit 1; }
(cd "$from" && sha256sum --check --strict --quiet SHA256SUMS) \
  || { echo "error: $from is not what was dumped: restore another one" >&2; exit 1; }
while read -r database; do
  pg_restore --list "$from/$database.dump" >/dev/null
  there="$(psql -XAtq -d postgres -v name="$prefix$database" <<'SQL'
SELECT count(*) FROM pg_database WHERE datname = :'name'
SQL
)"
  [ "$there" = 0 ] || { echo "error: database $prefix$database is there already: drop or rename it first" >&2; exit 1; }
done <"$from/databases.txt"
while read -r database; do
  createdb -- "$prefix$database"
  pg_restore --exit-on-error --no-owner --dbname "$prefix$database" "$from/$database.dump"
  echo "restored $prefix$database"
done <"$from/databases.txt"
