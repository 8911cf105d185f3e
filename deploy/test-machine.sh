#!/usr/bin/env bash
# Installs what the tests of deploy/ drive (Debian, Ubuntu). `control-plane.sh` makes the one thing that is no package.
set -euo pipefail
exec "$(dirname "$0")/install-packages.sh" podman buildah runc netavark aardvark-dns catatonit skopeo mmdebstrap \
  iptables haproxy prometheus docker-registry openssh-client debian-archive-keyring make
