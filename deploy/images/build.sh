#!/usr/bin/env bash
# build.sh IMAGE... builds service, pipeline, postgres, proxy (or all of them), tagged by the commit, with whichever of
# buildah, podman and docker is here. BUILDER: one of them, with options of its own before `build`; BUILD_OPTIONS: those
# that come after. PIP_CONF, CA: files for builders behind a registry of their own; they are mounted for the one step that
# needs them and are in no layer.
# ARCH: arm64 or amd64, where it is not this machine's (under emulation by binfmt_misc).
# LOCK: of the pipeline: torch (CUDA), or torch-cpu, whose wheel comes from TORCH_WHEELS unless PIP_CONF says where from;
# the hash that is locked is Python 3.11's, so SUITE=bookworm with it, or lock the one of trixie's 3.13: locks/lock.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
commit="${COMMIT:-$(git rev-parse HEAD)}"
builder="${BUILDER:-}"
for known in buildah podman docker; do [ -n "$builder" ] || ! command -v "$known" >/dev/null || builder="$known"; done
[ -n "$builder" ] || { echo "error: install buildah, podman or docker, or name one with BUILDER" >&2; exit 2; }
[ "${*:-all}" != all ] || set -- service pipeline postgres proxy
if [ "${LOCK:-}" = torch-cpu ] && [ -z "${PIP_CONF:-}" ]; then
  PIP_CONF="$(mktemp)"
  trap 'rm -f "$PIP_CONF"' EXIT
  printf '[global]\nfind-links = %s\n' "${TORCH_WHEELS:-https://download.pytorch.org/whl/torch/}" >"$PIP_CONF"
fi
for image in "$@"; do
  options=(--build-arg "COMMIT=$commit" --file "deploy/images/$image.Containerfile")
  options+=(--tag "localhost/buddies-$image:${TAG:-$commit}")
  # Docker reads what to leave out from IMAGE.Containerfile.dockerignore, a link to the same list.
  case "$builder" in *docker*) ;; *) options+=(--layers --format docker --ignorefile deploy/images/.containerignore) ;; esac
  [ -z "${PIP_CONF:-}" ] || options+=(--secret "id=pip.conf,src=$PIP_CONF")
  [ -z "${CA:-}" ] || options+=(--secret "id=ca.crt,src=$CA")
  [ -z "${ARCH:-}" ] || options+=(--platform "linux/$ARCH")
  [ "$image" != pipeline ] || options+=(--build-arg "LOCK=${LOCK:-pipeline}" --build-arg "SUITE=${SUITE:-trixie}")
  # shellcheck disable=SC2086
  $builder build "${options[@]}" ${BUILD_OPTIONS:-} .
done
