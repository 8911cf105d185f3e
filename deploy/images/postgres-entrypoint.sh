#!/bin/sh
# Starts PostgreSQL; a new data folder is made first, with the password in the file POSTGRES_PASSWORD_FILE.
set -eu
if [ "$1" != postgres ]; then exec "$@"; fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  file="${POSTGRES_PASSWORD_FILE:-/run/secrets/postgres-password}"
  [ -s "$file" ] || { echo "error: $file holds no password; name a file with POSTGRES_PASSWORD_FILE" >&2; exit 2; }
  rm -rf "$PGDATA.new"
  initdb --pgdata "$PGDATA.new" --username buddies --pwfile "$file" --auth-host scram-sha-256 --auth-local reject \
    --encoding UTF8 --locale C.UTF-8 --data-checksums >/dev/null
  printf 'host all all all scram-sha-256\n' >>"$PGDATA.new/pg_hba.conf"
  # On another port: nobody may take a server for ready that is about to be stopped.
  pg_ctl --pgdata "$PGDATA.new" --wait --silent --log /tmp/first-start.log \
    --options "-c port=5433 -c listen_addresses=127.0.0.1 -c unix_socket_directories=''" start
  PGPASSWORD="$(cat "$file")" createdb --host 127.0.0.1 --port 5433 --username buddies buddies
  pg_ctl --pgdata "$PGDATA.new" --wait --silent --mode fast stop
  mv "$PGDATA.new" "$PGDATA"
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp -c password_encryption=scram-sha-256 \
  -c max_connections="${POSTGRES_CONNECTIONS:-200}" -c shared_buffers="${POSTGRES_BUFFERS:-128MB}"
