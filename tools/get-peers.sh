#!/usr/bin/env bash
# Unpacks a newer etcd, etcdctl and etcdutl beside the system: get-peers.sh FOLDER
#
# They come from a later Debian suite (PEERS_SUITE, default forky) through apt, which checks the
# archive's signatures with the machine's own keys. apt works in a state of its own: nothing is
# installed, no source list of the machine changes. The programs then lie in FOLDER/usr/bin.
set -euo pipefail

folder=${1:?usage: get-peers.sh FOLDER}
suite=${PEERS_SUITE:-forky}
packages=(etcd-server etcd-client)
# What the tests were written against; another minor version is taken too, but said.
expected_minor=3.5

fail() {
  echo "get-peers: $1" >&2
  exit 1
}

command -v apt-get >/dev/null && command -v dpkg >/dev/null || fail "needs apt-get and dpkg"
# shellcheck source=/dev/null
. /etc/os-release
[ "${ID:-}" = debian ] || fail "needs Debian, this is ${ID:-unknown}"
codename=${VERSION_CODENAME:?}

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
# apt drops its rights to a user of its own while it downloads.
chmod 755 "$state"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/sources.d" "$state/unpacked"

# The machine's sources for its own suite, with the suite changed: same mirror, same keys.
: >"$state/sources.list"
if [ -f /etc/apt/sources.list ]; then
  grep -E "^deb .*[[:space:]]$codename[[:space:]]" /etc/apt/sources.list |
    sed -E "s/([[:space:]])$codename([[:space:]])/\1$suite\2/" >"$state/sources.list" || true
fi
for source in /etc/apt/sources.list.d/*.sources; do
  [ -f "$source" ] || continue
  awk -v RS= -v ORS='\n\n' -v name="$codename" '$0 !~ /security/ && $0 ~ name' "$source" |
    sed -E "s/^Suites:.*/Suites: $suite/" >"$state/sources.d/$(basename "$source")"
done

options=(
  -o "Dir::State::lists=$state/lists"
  -o "Dir::Cache=$state/cache"
  -o "Dir::Etc::sourcelist=$state/sources.list"
  -o "Dir::Etc::sourceparts=$state/sources.d"
  -o APT::Get::AllowUnauthenticated=false
  -o Acquire::AllowInsecureRepositories=false
)
apt-get "${options[@]}" update -qq >"$state/log" 2>&1 ||
  fail "cannot read suite $suite: $(tail -n 1 "$state/log")"
(cd "$state" && apt-get "${options[@]}" download -qq "${packages[@]}") >"$state/log" 2>&1 ||
  fail "cannot download from suite $suite: $(tail -n 1 "$state/log")"
for package in "$state"/*.deb; do
  dpkg -x "$package" "$state/unpacked"
done

# Run before they are moved in place: a build for another machine must not pass for a peer.
for program in etcd etcdctl etcdutl; do
  [ -x "$state/unpacked/usr/bin/$program" ] || fail "suite $suite has no $program"
done
version=$("$state/unpacked/usr/bin/etcd" --version | sed -n 's/^etcd Version: //p') ||
  fail "etcd of suite $suite does not run here"
case $version in
  "$expected_minor".*) ;;
  3.*) echo "get-peers: etcd $version, the tests were written against $expected_minor" >&2 ;;
  *) fail "etcd --version says '$version'" ;;
esac
for tool in etcdctl etcdutl; do
  "$state/unpacked/usr/bin/$tool" version | grep -qF "$version" ||
    fail "$tool is not of version $version"
done

mkdir -p "$folder/usr/bin"
for program in etcd etcdctl etcdutl; do
  cp "$state/unpacked/usr/bin/$program" "$folder/usr/bin/$program.new"
  mv -f "$folder/usr/bin/$program.new" "$folder/usr/bin/$program"
done
echo "etcd $version in $folder/usr/bin"
