#!/bin/sh
# Installs the AXME program from an archive, after its checksum was verified.
#
#   install.sh --from FILE|URL [--sums FILE|URL] [--prefix DIR]
#
# The checksum is that of the archive in SHA256SUMS, by default beside the archive. The program goes to the folder
# AXME_INSTALL_DIR, else to DIR/bin; the default for DIR is /usr/local for root, else ~/.local.
set -eu

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

from='' sums='' prefix=''
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case $1 in
    --from) from=$2 ;;
    --sums) sums=$2 ;;
    --prefix) prefix=$2 ;;
    *) fail "unknown option $1" ;;
  esac
  shift 2
done
[ -n "$from" ] || fail "name an archive with --from"
[ -n "$sums" ] || sums=$(dirname "$from")/SHA256SUMS
if [ -z "$prefix" ]; then
  if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() {
  case $1 in
    https://*) curl --fail --silent --show-error --location --proto '=https' --output "$2" "$1" || fail "cannot fetch $1" ;;
    *://*) fail "only https:// URLs are fetched" ;;
    *) cp "$1" "$2" || fail "cannot read $1" ;;
  esac
}

name=$(basename "$from")
fetch "$from" "$work/$name"
fetch "$sums" "$work/SHA256SUMS"
expected=$(awk -v name="$name" '$2 == name { print $1 }' "$work/SHA256SUMS")
[ -n "$expected" ] || fail "SHA256SUMS does not list $name"
actual=$(sha256sum "$work/$name" | cut -d ' ' -f 1)
[ "$expected" = "$actual" ] || fail "the checksum of $name is wrong: the archive is damaged, or not the one that was released"

tar -xzf "$work/$name" -C "$work"
bin=${AXME_INSTALL_DIR:-$prefix/bin}
mkdir -p "$bin"
# A rename replaces the program of a running server without touching it.
install -m 755 "$work"/axme-*/axme "$bin/.axme.new"
mv "$bin/.axme.new" "$bin/axme"
"$bin/axme" --version
echo "Installed in $bin. Start with: axme dev"
