#!/usr/bin/env bash
# Boots a copy of a Debian folder, with a network of its own, until standard input ends: so it goes with whoever started
# it, however that one ends. Nothing is left: mounts and processes are in namespaces that end with it.
#   boot-debian.sh DEBIAN FOLDER
set -euo pipefail

boot() {
  mkdir -p "$2"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
  local status=133
  # That is how systemd-nspawn asks for a restart of the machine.
  while ((status == 133)); do
    status=0
    systemd-nspawn --quiet --directory="$2/root" --hostname=debian --boot --register=no --keep-unit --private-network \
      --link-journal=no --resolv-conf=off --timezone=off </dev/null || status=$?
  done
  exit "$status"
}

if [[ ${1-} == --inside ]]; then
  shift
  boot "$@"
fi

unshare --mount --propagation private --pid --mount-proc --fork --kill-child=KILL "${BASH_SOURCE[0]}" --inside "$@" </dev/null &
booted=$!
# Told apart from the standard input of this script, because bash gives none to what runs in the background.
exec {input}<&0
cat <&"$input" >/dev/null &
waiting=$!
wait -n || true
kill -KILL "$booted" "$waiting" 2>/dev/null || true
wait 2>/dev/null || true
