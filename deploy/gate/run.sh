#!/usr/bin/env bash
# gate/run.sh ENVIRONMENT: the load gate against a release in the cluster, through a port that only this machine has.
# Staging alone is loaded to its limit: production is asked as much as proves that it answers.
set -euo pipefail
cd "$(dirname "$0")"
environment="${1:?give staging, canary or production}"
folder="$(mktemp -d)"
export KUBECONFIG="$folder/kubeconfig"
forward=""
trap 'rm -rf "$folder"; [ -z "$forward" ] || kill "$forward"' EXIT
umask 077
printf '%s' "${KUBECONFIG_CONTENT:?}" >"$KUBECONFIG"
printf '%s' "${RECOMMEND_KEY:?}" >"$folder/recommend"
printf '%s' "${ADMIN_KEY:?}" >"$folder/admin"
kubectl --namespace "buddies-${environment/canary/production}" port-forward service/buddies-service 18000:8000 >/dev/null &
forward="$!"
for _ in $(seq 50); do (exec 3<>/dev/tcp/127.0.0.1/18000) 2>/dev/null && break; sleep 0.2; done
most=2000
[ "$environment" = staging ] || most=50
python3 load.py --url http://127.0.0.1:18000 --key-file "$folder/recommend" --admin-key-file "$folder/admin" \
  --environment "$environment" --commit "${COMMIT:-}" --most-rate "$most" | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
