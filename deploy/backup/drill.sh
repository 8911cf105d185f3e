#!/bin/sh
# buddies-drill FOLDER: restores the newest dump beside the databases that run, counts the rows of both, and drops what
# it restored. Fails when the newest dump is older than MAX_HOURS (30), damaged, or lacks rows that it must hold.
set -eu
folder="${1:?give the folder for dumps}" hours="${MAX_HOURS:-30}" prefix="drill_"
newest="$(find "$folder" -mindepth 1 -maxdepth 1 -type d -name '2*Z' | sort | tail -n 1)"
[ -n "$newest" ] || { echo "error: $folder holds no dump" >&2; exit 1; }
[ -n "$(find "$newest" -maxdepth 0 -mmin "-$((hours * 60))")" ] \
  || { echo "error: the newest dump, $newest, is older than $hours hours" >&2; exit 1; }
cleanup() { while read -r name; do dropdb --if-exists --force -- "$prefix$name"; done <"$newest/databases.txt"; }
cleanup
trap cleanup EXIT
buddies-restore "$newest" "$prefix"
counts() {
  psql -XAtq -d "$1" -c "SELECT format('SELECT %L, count(*) FROM %I.%I;', schemaname || '.' || tablename, schemaname,
    tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1" \
    | psql -XAtq -d "$1"
}
failed=0
while read -r database; do
  counts "$prefix$database" >/tmp/drill-restored
  counts "$database" >/tmp/drill-live
  tables="$(wc -l </tmp/drill-live)"
  # Feedback only grows: a table that is empty in the dump and full beside it was not dumped.
  lost="$(awk -F'|' 'NR == FNR {rows[$1] = $2; next} $2 > 0 && rows[$1] + 0 == 0 {print $1}' /tmp/drill-restored \
    /tmp/drill-live | grep -v -e '^feedback.replicas$' -e '^feedback.requests_spent$' || true)"
  [ -z "$lost" ] || { echo "error: $database: no row of $lost in the dump" >&2; failed=1; }
  echo "$database: $tables tables, $(awk -F'|' '{n += $2} END {print n + 0}' /tmp/drill-restored) rows restored, \
$(awk -F'|' '{n += $2} END {print n + 0}' /tmp/drill-live) there now"
done <"$newest/databases.txt"
exit "$failed"
