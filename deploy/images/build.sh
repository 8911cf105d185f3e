#!/usr/bin/env bash
# build.sh IMAGE... builds service, pipeline, postgres, proxy (or all of them), tagged by the commit, with whichever of
# buildah, podman and docker is here. BUILDER: one of them, with options of its own before `build`. PIP_CONF, CA: files
# for builders behind a registry of their own; they are mounted for the one step that needs them and are in no layer.
# ARCH: arm64 or amd64, where it is not this machine's (under emulation by binfmt_misc).
set -euo pipefail
cd "$(dirname "$0")/../.."
commit="${COMMIT:-$(git rev-parse HEAD)}"
builder="${BUILDER:-}"
for known in buildah podman docker; do [ -n "$builder" ] || ! command -v "$known" >/dev/null || builder="$known"; done
[ -n "$builder" ] || { echo "error: install buildah, podman or docker, or name one with BUILDER" >&2; exit 2; }
[ "${*:-all}" != all ] || set -- service pipeline postgres proxy
for image in "$@"; do
  options=(--build-arg "COMMIT=$commit" --file "deploy/images/$image.Containerfile")
  options+=(--tag "localhost/buddies-$image:${TAG:-$commit}")
  # Docker reads what to leave out from IMAGE.Containerfile.dockerignore, a link to the same list.
  case "$builder" in *docker*) ;; *) options+=(--layers --format docker --ignorefile deploy/images/.containerignore) ;; esac
  [ -z "${PIP_CONF:-}" ] || options+=(--secret "id=pip.conf,src=$PIP_CONF")
  [ -z "${CA:-}" ] || options+=(--secret "id=ca.crt,src=$CA")
  [ -z "${ARCH:-}" ] || options+=(--platform "linux/$ARCH")
  [ "$image" != pipeline ] || options+=(--build-arg "LOCK=${LOCK:-pipeline}")
  # shellcheck disable=SC2086
  $builder build "${options[@]}" .
done
