#!/usr/bin/env bash
# verify.sh RELEASE: every image of releases/RELEASE.yaml was signed by us, and so was the list of what is inside; the
# first that was not is an error, and nothing is deployed. COSIGN_PUBLIC_KEY: the key to publish.sh's COSIGN_KEY; without
# it the identity that must have signed: IDENTITY, a regular expression for the workflow's address, and ISSUER.
set -euo pipefail
cd "$(dirname "$0")/.."
release="${1:?give the name of a file in deploy/releases}"
case "$release" in *[!A-Za-z0-9._-]* | .*) echo "error: $release cannot name a file of digests" >&2; exit 2 ;; esac
[ -s "releases/$release.yaml" ] || { echo "error: deploy/releases/$release.yaml does not exist: promote.py writes it" >&2; exit 2; }
if [ -n "${COSIGN_PUBLIC_KEY:-}" ]; then
  by=(--key "$COSIGN_PUBLIC_KEY")
else
  by=(--certificate-identity-regexp "${IDENTITY:?give COSIGN_PUBLIC_KEY, or IDENTITY and ISSUER}")
  by+=(--certificate-oidc-issuer "${ISSUER:-https://token.actions.githubusercontent.com}")
fi
sed -n 's/^  [a-z]*: //p' "releases/$release.yaml" | while read -r image; do
  for what in "verify" "verify-attestation --type cyclonedx"; do
    # shellcheck disable=SC2086
    cosign $what ${VERIFY_OPTIONS:-} "${by[@]}" "$image" >/dev/null 2>/tmp/verify.$$ || {
      echo "error: $image: $what: $(grep -m 1 -i error /tmp/verify.$$ || tail -n 1 /tmp/verify.$$)" >&2
      rm -f /tmp/verify.$$
      exit 1
    }
    rm -f /tmp/verify.$$
  done
  echo "signed by us: $image"
done
