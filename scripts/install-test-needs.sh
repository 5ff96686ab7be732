#!/usr/bin/env bash
# Installs what the end-to-end tests and the benchmark need and this machine lacks. Costs nothing when all is there.
set -euo pipefail

# What is needed, as command:package of Debian and Ubuntu.
needs=(nginx:nginx-light haproxy:haproxy wrk:wrk curl:curl python3:python3 node:nodejs ip:iproute2 ps:procps prlimit:util-linux
    pebble:pebble pebble-challtestsrv:pebble
    openssl:openssl mkcert:mkcert certutil:libnss3-tools update-ca-certificates:ca-certificates
    chromium:chromium testssl:testssl.sh nghttp:nghttp2-client h2load:nghttp2-client
    debootstrap:debootstrap systemd-nspawn:systemd-container unshare:util-linux shellcheck:shellcheck xz:xz-utils dpkg-deb:dpkg)

# The same for modules of Debian's own Python, which python3 on the PATH need not be.
modules=(hpack:python3-hpack h2:python3-h2)

# Where Debian keeps nginx and ip, and a user's PATH often does not look.
PATH=$PATH:/usr/sbin:/sbin

missing=()
for need in "${needs[@]}"; do
    command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
for module in "${modules[@]}"; do
    /usr/bin/python3 -c "import ${module%%:*}" 2>/dev/null || missing+=("${module##*:}")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

# Another apt may be at work, and a mirror may fail for a moment.
patience=(-o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)

install="apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests need these packages: ${missing[*]}" >&2
    echo "Install them, on Debian or Ubuntu with: sudo sh -c '$install'" >&2
    exit 1
fi

apt-get "${patience[@]}" update
DEBIAN_FRONTEND=noninteractive apt-get "${patience[@]}" install --yes --no-install-recommends "${missing[@]}"

# Debian starts a server once it is installed; the tests want their own, and port 80 free. Only those that came with
# this run are stopped.
for service in nginx haproxy; do
    if [[ " ${missing[*]} " == *" $service"* ]] && [ -d /run/systemd/system ]; then
        systemctl disable --now "$service"
    elif [[ " ${missing[*]} " == *" $service"* ]] && [ -x "/etc/init.d/$service" ]; then
        "/etc/init.d/$service" stop
    fi
done
