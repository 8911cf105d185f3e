#!/usr/bin/env bash
# control-plane.sh [FOLDER] builds a real Kubernetes control plane for the tests of the chart's behaviour: kube-apiserver,
# controller-manager and scheduler 1.20.2 from Debian 12's source package, and etcd of Debian 12, into
# FOLDER (~/.cache/spotify-buddies-deploy/kubernetes). Once a machine, some minutes of a processor; nothing is installed.
# Needs Debian's apt, Go 1.16 to 1.19 (Debian 12's golang-go) and 3 GB while it builds.
# Newer versions with an API server are in no package registry; what is valid in newer ones is asked of their schemas.
set -euo pipefail
out="${1:-${BUDDIES_DEPLOY_CACHE:-$HOME/.cache/spotify-buddies-deploy}/kubernetes}"
programs=(kube-scheduler kube-controller-manager kube-apiserver)
[ ! -x "$out/kube-apiserver" ] || { echo "there already: $out"; exit 0; }
for needed in go apt-get dpkg-source; do
  command -v "$needed" >/dev/null || { echo "error: install $needed first" >&2; exit 2; }
done
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || { echo "error: this is not Debian: no $keys" >&2; exit 2; }

mkdir -p "$out"
out="$(cd "$out" && pwd)"
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
export GOPATH="$PWD/.go" GOCACHE="$work/cache" GOFLAGS="-p=${JOBS:-2}" GO111MODULE=off CGO_ENABLED=0
cd .go/src/k8s.io/kubernetes
# Of what its Makefile generates only this is not in the sources: what the API is made of, for `helm`'s patches.
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
kinds="$(grep -Rl --include='*.go' '+k8s:openapi-gen=' pkg vendor/k8s.io cmd \
  | grep -vE '/(code-generator|sample-apiserver|testdata|kube-openapi)/|zz_generated' \
  | xargs -n1 dirname | LC_ALL=C sort -u | sed 's|^|k8s.io/kubernetes/|' | paste -sd,)"
"$work/openapi-gen" --input-dirs "$kinds" --output-package k8s.io/kubernetes/pkg/generated/openapi \
  --output-file-base zz_generated.openapi --go-header-file vendor/k8s.io/code-generator/hack/boilerplate.go.txt \
  --report-filename "$work/report" --output-base "$GOPATH/src"
version=k8s.io/kubernetes/vendor/k8s.io/component-base/version
named="-X $version.gitVersion=v1.20.2 -X $version.gitMajor=1 -X $version.gitMinor=20"
# Not optimised: for a test's few objects, and compiled in half the time.
for program in "${programs[@]}"; do
  go build -gcflags='all=-N -l' -ldflags="-s -w $named" -o "$work/$program" "./cmd/$program"
done
install -m 755 "$work/unpacked/usr/bin/etcd" "$out/etcd"
for program in "${programs[@]}"; do mv "$work/$program" "$out/$program"; done
echo "made: $out"
