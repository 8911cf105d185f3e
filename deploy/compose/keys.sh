#!/usr/bin/env bash
# keys.sh new NAME [SCOPE...] prints a new API key, this once (scopes: recommend, feedback, admin; the first two if none is
# given); keys.sh revoke NAME takes it away. Running services follow within a second. KEYS: the folder of api-keys.json
# (secrets/keys beside this script); IMAGE: of the service; ENGINE: docker or podman, whichever is here; ENGINE_OPTIONS:
# what its `run` needs on a machine that is unlike others.
set -euo pipefail
what="${1:-}" name="${2:-}"
case "$what" in new | revoke) ;; *) echo "error: say new or revoke, and a name" >&2; exit 2 ;; esac
[ -n "$name" ] || { echo "error: give the key a name" >&2; exit 2; }
shift 2
keys="$(cd "${KEYS:-$(dirname "$0")/secrets/keys}" && pwd)"
engine="${ENGINE:-}"
for known in docker podman; do [ -n "$engine" ] || ! command -v "$known" >/dev/null || engine="$known"; done
options=(--name "$name")
if [ "$what" = new ]; then
  [ $# -gt 0 ] || set -- recommend feedback
  for scope in "$@"; do options+=(--scope "$scope"); done
fi
# The program is the service's own; the folder may be anybody's.
# shellcheck disable=SC2086
exec "$engine" run --rm --network none --read-only --tmpfs /tmp --user 0 --cap-drop ALL --cap-add DAC_OVERRIDE \
  --security-opt no-new-privileges ${ENGINE_OPTIONS:-} \
  --volume "$keys:/keys" "${IMAGE:-${SERVICE_IMAGE:-localhost/buddies-service:local}}" \
  buddies_serving "$what-key" --file /keys/api-keys.json "${options[@]}"
