#!/usr/bin/env bash
# control-plane.sh [FOLDER] builds a real Kubernetes control plane for the tests of the chart's behaviour: kube-apiserver,
# controller-manager and scheduler 1.20.2 from Debian 12's source package, and etcd of Debian 12, into
# FOLDER (~/.cache/spotify-buddies-deploy/kubernetes). Once a machine, some seventeen minutes of a processor; nothing
# is installed. Needs Debian's apt, Go 1.16 to 1.19 (Debian 12's golang-go), make, rsync and 3 GB while it builds.
# Newer versions with an API server are in no package registry; what is valid in newer ones is asked of their schemas.
set -euo pipefail
out="${1:-${BUDDIES_DEPLOY_CACHE:-$HOME/.cache/spotify-buddies-deploy}/kubernetes}"
programs=(kube-apiserver kube-controller-manager kube-scheduler)
[ ! -x "$out/kube-scheduler" ] || { echo "there already: $out"; exit 0; }
for needed in go make rsync gcc apt-get dpkg-source; do
  command -v "$needed" >/dev/null || { echo "error: install $needed first" >&2; exit 2; }
done
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || { echo "error: this is not Debian: no $keys" >&2; exit 2; }

mkdir -p "$out"
work="$(mktemp -d "$out/build.XXXXXX")"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial archives/partial
for kind in deb deb-src; do
  echo "$kind [signed-by=$keys] ${DEBIAN_MIRROR:-http://deb.debian.org/debian} bookworm main"
done >sources.list
options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
  -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
apt-get "${options[@]}" source --download-only kubernetes
apt-get "${options[@]}" download etcd-server golang-github-modern-go-reflect2-dev
for package in *.deb; do dpkg -x "$package" unpacked; done
dpkg-source --no-check -x kubernetes_*.dsc tree >/dev/null
cd tree
# The reflect2 that comes along crashes under Go 1.18 and later at the first custom resource; Debian's does not.
rm vendor/github.com/modern-go/reflect2/*.{go,s}
cp ../unpacked/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} vendor/github.com/modern-go/reflect2/
mkdir -p .go/src/k8s.io
ln -s ../../.. .go/src/k8s.io/kubernetes
export GOPATH="$PWD/.go" GOCACHE="$work/cache" GOFLAGS="-p=${JOBS:-2}" GO111MODULE=off CGO_ENABLED=0 KUBE_VERBOSE=0
export KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20 KUBE_GIT_COMMIT=debian KUBE_GIT_TREE_STATE=archive
make WHAT="${programs[*]/#/cmd/}"
install -m 755 ../unpacked/usr/bin/etcd "$out/etcd"
for program in "${programs[@]}"; do install -m 755 "_output/bin/$program" "$out/$program.new"; done
for program in "${programs[@]}"; do mv "$out/$program.new" "$out/$program"; done
echo "made: $out"
