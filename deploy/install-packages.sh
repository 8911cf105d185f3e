#!/usr/bin/env bash
# install-packages.sh PACKAGE... installs Debian's packages for tests, and starts none of their services. What says so,
# /usr/sbin/policy-rc.d (or the file POLICY_RC_D), is afterwards as it was found, also where the installation fails.
set -euo pipefail
policy="${POLICY_RC_D:-/usr/sbin/policy-rc.d}"
before="$(mktemp -d)"
[ ! -e "$policy" ] || cp -p "$policy" "$before/policy"
restore() {
  if [ -e "$before/policy" ]; then cp -p "$before/policy" "$policy"; else rm -f "$policy"; fi
  rm -rf "$before"
}
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod +x "$policy"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
