#!/usr/bin/env bash
# publish.sh IMAGE: pushes an image that build.sh made for COMMIT to REGISTRY, signs its digest, signs beside it the list
# of what is inside (CycloneDX), and tells the digest (to GITHUB_OUTPUT too). Nothing is pushed under `latest`: what is
# deployed is named by its digest, and verify.sh refuses what was not signed here.
# COSIGN_KEY: a private key; without it the identity of the workflow signs. SIGN=no: nothing is signed.
set -euo pipefail
image="${1:?give the image}" commit="${COMMIT:?}" registry="${REGISTRY:?}"
local="localhost/buddies-$image:${TAG:-$commit}" remote="$registry/buddies-$image"
if [ -n "${REGISTRY_PASSWORD:-}" ]; then
  printf '%s' "$REGISTRY_PASSWORD" | buildah login --username "${REGISTRY_USER:?}" --password-stdin "${registry%%/*}"
  # cosign has a list of logins of its own
  [ "${SIGN:-yes}" = no ] || printf '%s' "$REGISTRY_PASSWORD" | cosign login --username "$REGISTRY_USER" --password-stdin "${registry%%/*}"
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# shellcheck disable=SC2086
buildah push ${PUSH_OPTIONS:-} --digestfile "$folder/digest" "$local" "docker://$remote:$commit"
digest="$(cat "$folder/digest")"
if [ "${SIGN:-yes}" != no ]; then
  buildah push --quiet "$local" "oci-archive:$folder/image.tar"
  SYFT_CHECK_FOR_APP_UPDATE=false "${SYFT:-.venv-deploy/bin/syft}" --quiet "oci-archive:$folder/image.tar" -o "cyclonedx-json=$folder/sbom.json"
  rm "$folder/image.tar"
  options=(--yes ${COSIGN_KEY:+--key "$COSIGN_KEY"})
  # shellcheck disable=SC2086
  cosign sign ${SIGN_OPTIONS:-} "${options[@]}" "$remote@$digest"
  # shellcheck disable=SC2086
  cosign attest ${SIGN_OPTIONS:-} "${options[@]}" --type cyclonedx --predicate "$folder/sbom.json" "$remote@$digest"
fi
echo "$remote@$digest"
[ -z "${GITHUB_OUTPUT:-}" ] || echo "digest=$digest" >>"$GITHUB_OUTPUT"
