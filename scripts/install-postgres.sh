#!/usr/bin/env bash
# Installs Debian's PostgreSQL, the peer of the ingest benchmark, unless a server is there already.
set -euo pipefail

if compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null; then
  echo "PostgreSQL is installed already."
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  exec sudo "$0" "$@"
fi
apt-get update -q
# The benchmark starts its own server in a temporary directory; the package's own cluster is not needed.
mkdir -p /etc/postgresql-common
echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql
