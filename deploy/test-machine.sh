#!/usr/bin/env bash
# Installs what the tests of deploy/ drive (Debian, Ubuntu).
set -euo pipefail
exec "$(dirname "$0")/install-packages.sh" podman buildah runc netavark aardvark-dns catatonit skopeo mmdebstrap \
  iptables haproxy prometheus docker-registry openssh-client debian-archive-keyring make
