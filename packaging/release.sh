#!/usr/bin/env bash
# Builds and packs hotcore for every architecture whose runtime pack can be had here: artifacts/release.
# BASE_URL is where install.sh, put beside the archives there, will find them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly FOLDER=artifacts/release

version=$(sed -nE 's|.*<Version>(.*)</Version>.*|\1|p' Directory.Build.props)
rm -rf "$FOLDER"
for arch in x86_64 aarch64; do
  rid=linux-x64
  [[ $arch == x86_64 ]] || rid=linux-arm64
  if ! dotnet publish src/Hotcore -c Release -r "$rid" -o "artifacts/publish-$arch" --nologo -v quiet; then
    [[ $arch != "$(uname -m)" ]] || exit 1
    echo "left out: $arch, whose runtime pack cannot be had here" >&2
    continue
  fi
  packaging/package.sh "artifacts/publish-$arch/hotcore" "$version" "$arch" "$FOLDER"
done
cat "$FOLDER/SHA256SUMS"
du -h --apparent-size "$FOLDER"/* | sort -k2
