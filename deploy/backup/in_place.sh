#!/bin/sh
# buddies-in-place try DUMP restores a dump into databases of another name, so that a damaged one changes nothing;
# buddies-in-place switch DUMP dumps what is there, then puts what was tried in its place: all databases or none.
# Whoever writes to them is to be stopped between the two; `switch` ends the connections that are left.
set -eu
what="${1:-}" from="${2:-}"
case "$what" in try | switch) ;; *) echo "error: say try or switch, and the folder of a dump" >&2; exit 2 ;; esac
[ -s "$from/databases.txt" ] || { echo "error: $from holds no databases.txt, so it is no whole dump" >&2; exit 1; }
export PGOPTIONS="--client-min-messages=warning"
drop() { while read -r name; do dropdb --if-exists --force -- "$1$name"; done <"$from/databases.txt"; }
if [ "$what" = try ]; then
  drop tried_
  exec buddies-restore "$from" tried_
fi
drop replaced_
kept="$(buddies-dump "$(dirname "$from")")"
names="$(paste -sd, "$from/databases.txt")"
# One transaction, so that whatever ends it, each name is that of a whole database.
psql -XAtq -d postgres -v ON_ERROR_STOP=1 --single-transaction --file=- -v names="$names" <<'SQL' ||
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE regexp_replace(datname, '^tried_', '') = ANY (string_to_array(:'names', ',')) \g /dev/null
SELECT format('ALTER DATABASE %I RENAME TO %I', datname, 'replaced_' || datname) FROM pg_database
  WHERE datname = ANY (string_to_array(:'names', ',')) \gexec
SELECT format('ALTER DATABASE %I RENAME TO %I', 'tried_' || name, name)
  FROM unnest(string_to_array(:'names', ',')) AS name \gexec
SQL
  { echo "error: nothing was changed: the dump is to be tried first, and who writes is to be stopped" >&2; exit 1; }
drop replaced_
echo "what was there is in $kept"
