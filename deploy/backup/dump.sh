#!/bin/sh
# buddies-dump FOLDER: every database of the server PGHOST, its roles and a checksum of each file, in a folder of the
# moment; of earlier ones the newest KEEP (14) stay. What a drill or a restore has on trial is not dumped. A dump that was cut off leaves no folder with a name of that kind.
set -eu
to="${1:?give the folder for dumps}" keep="${KEEP:-14}" now="$(date -u +%Y%m%dT%H%M%SZ)"
partial="$to/.$now.partial"
mkdir -p "$partial"
trap 'rm -rf "$partial"' EXIT
psql -XAtq -d postgres -c "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'
  AND datname !~ '^(drill|tried|replaced)_' ORDER BY 1" \
  >"$partial/databases.txt"
[ -s "$partial/databases.txt" ] || { echo "error: the server holds no database" >&2; exit 1; }
pg_dumpall --roles-only --no-role-passwords >"$partial/roles.sql"
while read -r database; do
  pg_dump --format custom --file "$partial/$database.dump" "$database"
done <"$partial/databases.txt"
(cd "$partial" && sha256sum -- * >SHA256SUMS)
sync
mv "$partial" "$to/$now"
trap - EXIT
find "$to" -mindepth 1 -maxdepth 1 -type d -name '2*Z' | sort | head -n "-$keep" | while read -r old; do rm -rf "$old"; done
echo "$to/$now"
