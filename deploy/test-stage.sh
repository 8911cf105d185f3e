#!/usr/bin/env bash
# test-stage.sh: the proofs of deploy/ as a stage of CI. Where containers can run it is all of them, and what is skipped
# fails, but for the real control plane; elsewhere those that need no container, with the reason in one line. It takes no
# longer than LIMIT seconds (40 minutes), whatever hangs.
set -euo pipefail
cd "$(dirname "$0")/.."
limit="${LIMIT:-2400}"
limited() { timeout --kill-after=60 "$((SECONDS < limit ? limit - SECONDS : 1))" "$@"; }
without_containers() {
  echo "deploy: without containers here, because $1"
  limited make check-deploy
  exit
}
[ "$(id -u)" = 0 ] || without_containers "networks of containers need root"
command -v apt-get >/dev/null || without_containers "what runs them is installed by apt-get alone"
unshare --mount --net --pid --fork true 2>/dev/null || without_containers "this machine allows no namespaces"
limited deploy/test-machine.sh || without_containers "the packages of deploy/test-machine.sh cannot be installed"
export BUDDIES_DEPLOY_STRICT=1 BUDDIES_DEPLOY_RUN="buddies-test-stage-$$"
status=0
limited make test-deploy || status=$?
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
  echo "error: the proofs of deploy/ were cut off after $limit seconds" >&2
  cache="${BUDDIES_DEPLOY_CACHE:-$HOME/.cache/spotify-buddies-deploy}"
  export CONTAINERS_CONF="$cache/containers.conf" CONTAINERS_STORAGE_CONF="$cache/storage.conf"
  podman ps --all --quiet --filter "name=^$BUDDIES_DEPLOY_RUN" | xargs --no-run-if-empty timeout 1m podman rm --force --time 1
fi
exit "$status"
