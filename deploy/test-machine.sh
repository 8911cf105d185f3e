#!/usr/bin/env bash
# Installs what the tests of deploy/ drive (Debian, Ubuntu). Services are not started; /usr/sbin/policy-rc.d, which says
# so, is left as it was found.
set -euo pipefail
policy=/usr/sbin/policy-rc.d
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
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman buildah runc netavark aardvark-dns \
  catatonit skopeo mmdebstrap iptables haproxy prometheus docker-registry openssh-client \
  debian-archive-keyring make >/dev/null
