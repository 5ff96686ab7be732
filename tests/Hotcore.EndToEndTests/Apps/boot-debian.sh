#!/usr/bin/env bash
# Boots a copy of a Debian folder, with a network of its own, until standard input ends: so it goes with whoever started
# it, however that one ends. Nothing is left: mounts and processes are in namespaces that end with it, and its control
# groups are removed.
#   boot-debian.sh DEBIAN FOLDER
set -euo pipefail

# systemd's hierarchies of control groups: one on most machines, two where version 1 is still in use.
hierarchies=()
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  [[ ! -e $hierarchy/cgroup.procs ]] || hierarchies+=("$hierarchy")
done

boot() {
  local status=133 hierarchy
  for hierarchy in "${hierarchies[@]}"; do
    mkdir -p "$hierarchy/$3"
    # 0 is whoever writes it.
    echo 0 >"$hierarchy/$3/cgroup.procs"
  done
  # What systemd-nspawn notes of its containers there.
  mount -t tmpfs tmpfs /run
  mkdir -p "$2"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
  # 133 is how systemd-nspawn asks for a restart of the machine.
  while ((status == 133)); do
    status=0
    systemd-nspawn --quiet --directory="$2/root" --hostname=debian --boot --register=no --keep-unit --private-network \
      --link-journal=no --resolv-conf=off --timezone=off </dev/null || status=$?
  done
  exit "$status"
}

remove_groups() {
  local hierarchy attempt
  for hierarchy in "${hierarchies[@]}"; do
    # What was killed a moment ago may still be on its way out.
    for ((attempt = 0; attempt < 100; attempt++)); do
      [[ -d $hierarchy/$1 ]] || break
      find "$hierarchy/$1" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
    done
  done
}

if [[ ${1-} == --inside ]]; then
  shift
  boot "$@"
fi

group=hotcore-test-$$
unshare --mount --propagation private --pid --mount-proc --fork --kill-child=KILL \
  "${BASH_SOURCE[0]}" --inside "$@" "$group" </dev/null &
booted=$!
# Told apart from the standard input of this script, because bash gives none to what runs in the background.
exec {input}<&0
cat <&"$input" >/dev/null &
waiting=$!
wait -n || true
kill -KILL "$booted" "$waiting" 2>/dev/null || true
wait 2>/dev/null || true
remove_groups "$group"
