#!/usr/bin/env bash
# Installs the newest hotcore, or upgrades to it; safe to repeat.
#   curl -fsSL <where this file is> | bash
#   curl -fsSL <where this file is> | bash -s -- --local     (what stands behind -- goes to `hotcore install`)
set -euo pipefail

base_url=${HOTCORE_BASE_URL:-@BASE_URL@}

fail() {
  echo "not installed: $1" >&2
  exit 1
}

fetch() {
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --output "$2" "$base_url/$1"
  elif command -v wget >/dev/null; then
    wget --quiet --output-document="$2" "$base_url/$1"
  else
    fail "neither curl nor wget is on this machine; install one, and repeat"
  fi || fail "$base_url/$1 cannot be downloaded; try again later"
}

main() {
  local arch version archive folder sudo=()
  [[ $base_url == *://* ]] || fail "set HOTCORE_BASE_URL to where the releases are"
  [[ $(uname -s) == Linux ]] || fail "hotcore runs on Linux, and this is $(uname -s)"
  case $(uname -m) in
    x86_64 | amd64) arch=x86_64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    *) fail "hotcore is built for x86_64 and aarch64, and this machine is $(uname -m)" ;;
  esac
  for need in tar:tar xz:xz-utils sha256sum:coreutils; do
    command -v "${need%%:*}" >/dev/null || fail "${need%%:*} is not on this machine; install it (Debian, Ubuntu: apt install ${need##*:}; Fedora, RHEL: dnf install ${need%%:*}), and repeat"
  done
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || fail "only root may do that, and there is no sudo on this machine"
    sudo=(sudo)
  fi

  folder=$(mktemp -d)
  # shellcheck disable=SC2064  # The folder of now.
  trap "rm -rf '$folder'" EXIT
  fetch version "$folder/version"
  version=$(<"$folder/version")
  [[ $version =~ ^[0-9A-Za-z.-]+$ ]] || fail "$base_url/version does not hold a version"
  archive=hotcore-$version-$arch.tar.xz
  echo "downloading hotcore $version"
  fetch SHA256SUMS "$folder/SHA256SUMS"
  fetch "$archive" "$folder/$archive"
  (cd "$folder" && grep -F "  $archive" SHA256SUMS | sha256sum --check --status) ||
    fail "$archive is damaged: its SHA-256 sum is not the one in SHA256SUMS; repeat"
  tar -xJf "$folder/$archive" -C "$folder"
  "$folder/hotcore-$version/hotcore" version >/dev/null ||
    fail "the program does not run in $folder; if that is mounted noexec, set TMPDIR to another folder, and repeat"
  "${sudo[@]}" "$folder/hotcore-$version/hotcore" install "$@"
}

# The last line, so that half a download does nothing.
main "$@"
