#!/usr/bin/env bash
# deploy.sh ENVIRONMENT RELEASE: installs or upgrades an environment to the digests in releases/RELEASE.yaml. Helm takes
# a release that does not become healthy back by itself. canary: production's release with the new image beside it.
set -euo pipefail
cd "$(dirname "$0")"
environment="${1:?give staging, canary or production}" release="${2:?give the name of a file in deploy/releases}"
case "$environment" in staging | canary | production) ;; *) echo "error: no environment is called $environment" >&2; exit 2 ;; esac
case "$release" in *[!A-Za-z0-9._-]* | .*) echo "error: $release cannot name a file of digests" >&2; exit 2 ;; esac
digests="releases/$release.yaml"
[ -s "$digests" ] || { echo "error: deploy/$digests does not exist: promote.py writes it" >&2; exit 2; }
if [ -n "${KUBECONFIG_CONTENT:-}" ]; then
  KUBECONFIG="$(mktemp)"
  export KUBECONFIG
  trap 'rm -f "$KUBECONFIG"' EXIT
  printf '%s' "$KUBECONFIG_CONTENT" >"$KUBECONFIG"
fi
values=(--values "environments/$environment.yaml" --values "$digests")
if [ "$environment" = canary ]; then
  [ -s releases/production.yaml ] || { echo "error: nothing is in production yet, so there is nothing to compare" >&2; exit 2; }
  service="$(sed -n 's/^  service: //p' "$digests")"
  values=(--values environments/canary.yaml --values releases/production.yaml --set-string "canary.image=$service")
fi
namespace="${NAMESPACE:-buddies-${environment/canary/production}}"
if ! ${HELM:-helm} status buddies --namespace "$namespace" >/dev/null 2>&1; then
  # The service is ready once there is a model, and the first one is made by what is installed here: waiting for it
  # would take everything away again.
  [ "$environment" != canary ] || { echo "error: nothing is installed in $namespace, so there is nothing to compare" >&2; exit 2; }
  ${HELM:-helm} install buddies chart --namespace "$namespace" --create-namespace "${values[@]}" --timeout "${TIMEOUT:-15m}"
  echo "installed; the service is ready once the first model is made: see \"First model\" in docs/operations.md"
  exit
fi
${HELM:-helm} upgrade buddies chart --namespace "$namespace" "${values[@]}" \
  --rollback-on-failure --wait --timeout "${TIMEOUT:-15m}"
