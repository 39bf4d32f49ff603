#!/usr/bin/env bash
# Fetches the servers that the tests of sinks deliver to, unless they are there already: exim, influxdb, opensearch.
# Nothing is installed into the system but the user and the library that exim insists on: Debian's packages are
# unpacked below node_modules/.cache, and OpenSearch's jars come with Maven.
#
#   scripts/install-receivers.sh exim influxdb
set -euo pipefail
cd "$(dirname "$0")/.."

cache="$PWD/node_modules/.cache/kurobe-receivers"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

# Unpacks Debian's packages into a folder of the cache; the rename makes it whole or absent.
unpack() {
  local name=$1
  shift
  [ -d "$cache/$name" ] && return 0
  local fresh="$cache/$name.new"
  rm -rf "$fresh"
  mkdir -p "$fresh/packages"
  (cd "$fresh/packages" && { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; })
  for package in "$fresh"/packages/*.deb; do dpkg-deb -x "$package" "$fresh"; done
  rm -rf "$fresh/packages"
  mv "$fresh" "$cache/$name"
}

for name in "$@"; do
  case "$name" in
    exim)
      unpack exim exim4-daemon-light
      # Exim starts itself again with fewer rights, and then finds libraries of the system only.
      if ! ldconfig -p | grep -q libidn.so.12; then
        apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 libidn12
      fi
      if ! getent passwd Debian-exim >/dev/null; then
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --user-group Debian-exim
      fi
      ;;
    influxdb) unpack influxdb influxdb ;;
    opensearch)
      if [ ! -d "$cache/opensearch" ]; then
        fresh="$cache/opensearch.new"
        rm -rf "$fresh"
        mkdir -p "$fresh"
        if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then
          apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 maven default-jdk-headless
        fi
        mvn -q -B -f scripts/opensearch-pom.xml dependency:copy-dependencies -DoutputDirectory="$fresh"
        mv "$fresh" "$cache/opensearch"
      fi
      ;;
    *)
      echo "unknown server: $name (exim, influxdb, opensearch)" >&2
      exit 1
      ;;
  esac
done
