#!/usr/bin/env bash
# build.sh IMAGE... builds service, pipeline, postgres, proxy (or all of them) with buildah, tagged by the commit.
# BUILDAH: the command, with options of its own. PIP_CONF, CA: files for builders behind a registry of their own; they
# are mounted for the one step that needs them and are in no layer.
set -euo pipefail
cd "$(dirname "$0")/../.."
commit="${COMMIT:-$(git rev-parse HEAD)}"
[ "${*:-all}" != all ] || set -- service pipeline postgres proxy
for image in "$@"; do
  options=(--layers --format docker --ignorefile deploy/images/.containerignore --build-arg "COMMIT=$commit")
  options+=(--file "deploy/images/$image.Containerfile" --tag "localhost/buddies-$image:${TAG:-$commit}")
  [ -z "${PIP_CONF:-}" ] || options+=(--secret "id=pip.conf,src=$PIP_CONF")
  [ -z "${CA:-}" ] || options+=(--secret "id=ca.crt,src=$CA")
  [ "$image" != pipeline ] || options+=(--build-arg "LOCK=${LOCK:-pipeline}")
  # shellcheck disable=SC2086
  ${BUILDAH:-buildah} build "${options[@]}" .
done
