#!/bin/sh
# Install the programs that some tests use. Tests without their program are skipped and say so.
set -eu

if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    if [ "$(id -u)" != 0 ]; then as_root="sudo"; fi
    missing=""
    wanted="python3-venv redis-server tor-geoipdb"
    if [ "${1:-}" = bench ]; then
        wanted="$wanted nginx libnginx-mod-http-geoip2 libnginx-mod-http-lua lua-cjson wrk util-linux"
    fi
    for package in $wanted; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        $as_root apt-get update -qq
        # RUNLEVEL=1 keeps services from being started: tests start their own.
        # shellcheck disable=SC2086 # a list of words
        $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends $missing >/dev/null
    fi
elif command -v brew >/dev/null 2>&1; then
    brew list valkey >/dev/null 2>&1 || brew install --quiet valkey
else
    echo "no apt-get and no brew here: install Valkey or Redis yourself for the tests of quotas" >&2
fi
