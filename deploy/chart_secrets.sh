#!/usr/bin/env bash
# chart_secrets.sh NAMESPACE: makes the Secrets that the chart names, at random; one that is there already stays. A new
# namespace is made, in which the cluster refuses every pod that is not restricted.
# DATABASE_URL: of a server of your own; without it the embedded one's.
set -euo pipefail
namespace="${1:?give the namespace}"
here="$(cd "$(dirname "$0")" && pwd)"
kube() { ${KUBECTL:-kubectl} --namespace "$namespace" "$@"; }
if ! kube get namespace "$namespace" >/dev/null 2>&1; then
  kube create namespace "$namespace"
  kube label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"$here/compose/secrets.sh" "$folder" >/dev/null
made="$folder/secrets"
make_secret() {
  local name="$1"; shift
  kube get secret "$name" >/dev/null 2>&1 || kube create secret generic "$name" "$@"
}
printf '%s' "${DATABASE_URL:-postgresql://buddies:$(cat "$made/postgres-password")@buddies-postgres:5432/buddies}" >"$folder/url"
openssl passwd -5 -stdin <"$made/operator-password" | tr -d '\n' >"$folder/hash"
make_secret buddies-postgres --from-file=url="$folder/url" --from-file=password="$made/postgres-password"
make_secret buddies-keys --from-file="$made/keys/api-keys.json" --from-file="$made/keys/signing.key"
make_secret buddies-clients --from-file=recommend="$made/key-recommend" --from-file=admin="$made/key-admin" \
  --from-file=operator="$made/operator-password"
make_secret buddies-proxy --from-file=OPS_PASSWORD_HASH="$folder/hash"
make_secret buddies-monitoring --from-file=key="$made/key-admin"
echo "made in $namespace; buddies-clients holds what people are given. The store's credentials are yours: buddies-store"
