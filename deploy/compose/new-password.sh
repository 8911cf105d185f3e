#!/usr/bin/env bash
# Gives the database another password, at random, once no run of Dagster is in flight (wait-for-runs.sh), and starts anew
# whatever uses it. Feedback waits in the service's spool meanwhile. Where it was ended half-way, call it again: the new
# password is in secrets/postgres-password.new until everybody has it.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
new=secrets/postgres-password.new
asked() {
  # shellcheck disable=SC2086
  ${COMPOSE:-docker compose} exec -T -e "PGPASSWORD=$(cat "$1")" postgres \
    psql -XAtq -h 127.0.0.1 -U buddies -d postgres -c "$2" </dev/null
}
[ -s "$new" ] || { ./wait-for-runs.sh; openssl rand -hex 24 | tr -d '\n' >"$new"; }
asked "$new" "SELECT 1" >/dev/null 2>&1 \
  || asked secrets/postgres-password "ALTER ROLE buddies PASSWORD '$(cat "$new")'"
# The file stays the same one: PostgreSQL's container has it mounted.
cat "$new" >secrets/postgres-password
sed -i '/^POSTGRES_PASSWORD=/d' .env
./up.sh
rm "$new"
