#!/usr/bin/env bash
# Makes what the stack keeps secret, at random, once: secrets/* and .env in its own folder, or in the one given.
# Nothing is printed but where it lies, and what is there already stays.
set -euo pipefail
cd "${1:-$(dirname "$0")}"
umask 077
mkdir -p secrets/keys
chmod 700 secrets
random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
make_file() { [ -s "secrets/$1" ] || { printf '%s' "$2" >"secrets/$1"; }; }
make_file postgres-password "$(random 24)"
make_file keys/signing.key "$(random 32)"
make_file operator-password "$(random 16)"
if [ ! -s secrets/keys/api-keys.json ]; then
  entries=""
  for scope in recommend,feedback admin; do
    key="sb_$(random 32)"
    name="${scope%%,*}"
    printf '%s' "$key" >"secrets/key-$name"
    digest="$(printf '%s' "$key" | sha256sum | cut -d' ' -f1)"
    entries="$entries${entries:+,}{\"id\":\"$name\",\"sha256\":\"$digest\",\"scopes\":[\"${scope//,/\",\"}\"]}"
  done
  printf '{"keys":[%s]}\n' "$entries" >secrets/keys/api-keys.json
fi
# The folder is closed; what is in it is mounted for a user of the containers, who is nobody here. Keys have a folder of
# their own, so that a service sees the file that takes the place of the one before.
chmod 755 secrets/keys
chmod 644 secrets/postgres-password secrets/keys/signing.key secrets/keys/api-keys.json
touch .env
set_variable() { grep -q "^$1=" .env || printf "%s='%s'\n" "$1" "$2" >>.env; }
set_variable POSTGRES_PASSWORD "$(cat secrets/postgres-password)"
set_variable OPS_PASSWORD_HASH "$(openssl passwd -5 -stdin <secrets/operator-password)"
echo "secrets are in $PWD/secrets: key-recommend and key-admin for the API, operator-password for the pages"
