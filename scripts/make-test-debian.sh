#!/usr/bin/env bash
# Makes the Debian that the tests of the installation boot: a folder outside the repository, made once (about 80 s) and
# kept. Each test boots a copy of it. Prints the folder's path.
set -euo pipefail

readonly SUITE=bookworm
readonly PACKAGES=systemd-sysv,dbus,libpam-systemd,libcap2-bin,libssl3,ca-certificates,curl,iproute2,procps,xz-utils,python3-minimal,\
ufw,iptables,firewalld,bash-completion,zsh,fish,man-db,sudo

fail() {
  echo "$1" >&2
  exit 1
}

[[ $(id -u) == 0 ]] || fail "making the Debian folder of these tests needs root: run the tests as root"
PATH=$PATH:/usr/sbin:/sbin
for need in debootstrap systemd-nspawn; do
  command -v "$need" >/dev/null || fail "these tests need $need, which this machine has not: sudo scripts/install-test-needs.sh"
done

# Another list, or another version of this script, makes another folder.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hotcore-tests
folder=$cache/debian-$SUITE-$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)

mkdir -p "$cache"
exec {lock}>"$cache/lock"
flock "$lock"
if [[ -d $folder ]]; then
  echo "$folder"
  exit
fi

rm -rf "$cache"/debian-*
# A mirror may fail for a moment.
for attempt in 1 2 3; do
  rm -rf "$cache/new"
  if debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$cache/new" >"$cache/debootstrap.log" 2>&1; then
    break
  fi
  ((attempt < 3)) || fail "debootstrap failed: $(tail -n 3 "$cache/debootstrap.log"); all of it: $cache/debootstrap.log"
done

# A test says itself which firewall is at work; and nothing here waits for a network, or for a person.
chroot "$cache/new" systemctl --quiet disable ufw firewalld apt-daily.timer apt-daily-upgrade.timer man-db.timer
chroot "$cache/new" systemctl --quiet mask systemd-networkd-wait-online.service console-getty.service getty.target \
  systemd-logind.service
chroot "$cache/new" useradd --create-home --shell /bin/bash dev
rm -rf "$cache/new"/var/cache/apt/archives/*.deb "$cache/new"/var/lib/apt/lists/* "$cache/new"/usr/share/doc

mv "$cache/new" "$folder"
echo "$folder"
