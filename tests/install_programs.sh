#!/bin/sh
# Install the programs that some tests use. Tests without their program are skipped and say so.
set -eu

if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    if [ "$(id -u)" != 0 ]; then as_root="sudo"; fi
    missing=""
    wanted="python3-venv redis-server tor-geoipdb postgresql nginx libnginx-mod-http-geoip2 haproxy caddy chromium"
    command -v npm >/dev/null 2>&1 || wanted="$wanted nodejs npm"
    if [ "${1:-}" = bench ]; then
        wanted="$wanted libnginx-mod-http-lua lua-cjson wrk util-linux"
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
    for formula in valkey postgresql nginx haproxy caddy traefik node; do
        brew list "$formula" >/dev/null 2>&1 || brew install --quiet "$formula"
    done
else
    echo "no apt-get and no brew here: install Valkey, PostgreSQL, nginx, HAProxy, Caddy, Chromium and Node yourself" >&2
fi

# Independent evaluators from npm, in a folder of their own; the lock says what they must hash to.
if command -v npm >/dev/null 2>&1; then
    npm ci --prefix "$(dirname "$0")/peers" --no-audit --no-fund --silent
fi
