#!/usr/bin/env bash
# Installs from Debian's packages what building, the engines and the tests need and this machine lacks.
# Without root it says what to install and leaves with 3.
set -euo pipefail

# Where Debian keeps servers, such as haproxy; only root has it in the PATH.
PATH=$PATH:/usr/sbin
# command:package pairs; the command shows whether the package is there.
wanted=(cc:gcc g++:g++ make:make perl:perl pkg-config:pkg-config java:openjdk-17-jre-headless mvn:maven npm:npm curl:curl kcat:kcat python3:python3 openssl:openssl haproxy:haproxy)
missing=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair#*:}")
done
# Reads the workbooks of `chiso-rollup export` in a test.
command -v soffice >/dev/null 2>&1 || missing+=(libreoffice-calc-nogui)
# Debian's Python comes without what makes virtual environments.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
command -v cargo >/dev/null 2>&1 || { echo "cargo is missing: install Rust with rustup, see https://rustup.rs" >&2; exit 3; }
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "missing tools; as root run: apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 3
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
