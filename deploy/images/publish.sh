#!/usr/bin/env bash
# publish.sh IMAGE: pushes an image that build.sh made for COMMIT to REGISTRY, signs its digest where cosign is there, and
# tells the digest (to GITHUB_OUTPUT too). Nothing is pushed under `latest`: what is deployed is named by its digest.
set -euo pipefail
image="${1:?give the image}" commit="${COMMIT:?}" registry="${REGISTRY:?}"
local="localhost/buddies-$image:${TAG:-$commit}" remote="$registry/buddies-$image"
if [ -n "${REGISTRY_PASSWORD:-}" ]; then
  printf '%s' "$REGISTRY_PASSWORD" | buildah login --username "${REGISTRY_USER:?}" --password-stdin "${registry%%/*}"
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# shellcheck disable=SC2086
buildah push ${PUSH_OPTIONS:-} --digestfile "$folder/digest" "$local" "docker://$remote:$commit"
digest="$(cat "$folder/digest")"
if command -v cosign >/dev/null && [ "${SIGN:-yes}" = yes ]; then cosign sign --yes "$remote@$digest"; fi
echo "$remote@$digest"
[ -z "${GITHUB_OUTPUT:-}" ] || echo "digest=$digest" >>"$GITHUB_OUTPUT"
