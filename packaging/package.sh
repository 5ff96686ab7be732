#!/usr/bin/env bash
# Packs a program that was built for one architecture: an archive, a .deb, and their SHA-256 sums beside those of the others.
#   package.sh PROGRAM VERSION ARCH FOLDER        (ARCH as `uname -m` has it)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=$1 version=$2 arch=$3 folder=$4
name=hotcore-$version-$arch
case $arch in
  x86_64) deb_arch=amd64 ;;
  aarch64) deb_arch=arm64 ;;
  *)
    echo "hotcore is built for x86_64 and aarch64, not for $arch" >&2
    exit 1
    ;;
esac

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$folder"
folder=$(realpath "$folder")
# The same program makes the same archive, whenever it is packed.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

make_archive() {
  install -D -m 755 "$program" "$stage/hotcore-$version/hotcore"
  install -m 644 LICENSE README.md CHANGELOG.md "$stage/hotcore-$version/"
  tar -cJf "$folder/$name.tar.xz" -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$SOURCE_DATE_EPOCH" "hotcore-$version"
}

make_deb() {
  local root=$stage/deb script
  install -D -m 755 "$program" "$root/usr/lib/hotcore/hotcore"
  install -D -m 644 LICENSE "$root/usr/share/doc/hotcore/copyright"
  mkdir -p "$root/DEBIAN"
  sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$deb_arch/" -e "s/@SIZE@/$(du -sk "$root/usr" | cut -f1)/" \
    packaging/debian/control >"$root/DEBIAN/control"
  for script in preinst postinst prerm postrm; do
    sed "s/@VERSION@/$version/" "packaging/debian/$script" >"$root/DEBIAN/$script"
    chmod 755 "$root/DEBIAN/$script"
  done
  chmod -R go-w "$root"
  dpkg-deb --root-owner-group --build "$root" "$folder/hotcore_${version}_$deb_arch.deb" >/dev/null
}

make_archive
if command -v dpkg-deb >/dev/null; then make_deb; else echo "no .deb: dpkg-deb is not on this machine" >&2; fi
sed "s|@BASE_URL@|${BASE_URL-}|" packaging/install.sh >"$folder/install.sh"
echo "$version" >"$folder/version"
(cd "$folder" && find . -maxdepth 1 \( -name "hotcore-$version-*.tar.xz" -o -name "hotcore_${version}_*.deb" \) -printf '%P\n' |
  sort | xargs sha256sum >SHA256SUMS)
