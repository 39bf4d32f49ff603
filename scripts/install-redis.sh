#!/usr/bin/env bash
# Installs Debian's redis-server and valkey-server for the tests and benchmarks of `kurobe bench`, unless both are
# there already. Valkey comes from the backports of the release where the release itself has none.
set -euo pipefail

if command -v redis-server >/dev/null && command -v valkey-server >/dev/null &&
  command -v valkey-benchmark >/dev/null; then
  echo "Redis and Valkey are installed already."
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  exec sudo "$0" "$@"
fi
export DEBIAN_FRONTEND=noninteractive

# The packages start a server of their own; we start ours, with our own settings, when we need one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

apt-get update -q
if ! apt-cache show valkey-server >/dev/null 2>&1; then
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  echo "deb http://deb.debian.org/debian ${codename}-backports main" \
    >/etc/apt/sources.list.d/kurobe-backports.list
  apt-get update -q
fi
apt-get install -y -q --no-install-recommends redis-server redis-tools valkey-server valkey-tools
