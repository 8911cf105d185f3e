#!/usr/bin/env bash
# drill.sh ENVIRONMENT: starts the restore drill of an environment now, waits for it and shows what it counted. Fails as
# it does: when the newest dump is old, damaged or lacks rows.
set -euo pipefail
environment="${1:?give staging or production}"
case "$environment" in staging | production) ;; *) echo "error: $environment has no database of its own" >&2; exit 2 ;; esac
if [ -n "${KUBECONFIG_CONTENT:-}" ]; then
  KUBECONFIG="$(mktemp)"
  export KUBECONFIG
  trap 'rm -f "$KUBECONFIG"' EXIT
  printf '%s' "$KUBECONFIG_CONTENT" >"$KUBECONFIG"
fi
kube() { ${KUBECTL:-kubectl} --namespace "${NAMESPACE:-buddies-$environment}" "$@"; }
job="buddies-drill-$(date -u +%Y%m%d%H%M%S)"
kube create job "$job" --from=cronjob/buddies-drill
status=0
kube wait --for=condition=complete "job/$job" --timeout "${TIMEOUT:-30m}" || status=1
kube logs "job/$job" | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
exit "$status"
