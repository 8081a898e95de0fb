#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Puts a stock Debian kernel into DIR as vmlinuz, without installing a kernel on this machine:
# packages that are installed are linked to, others are downloaded with apt and unpacked. META names
# the metapackage of another kernel than the cloud flavour; only that one comes with its debug symbols,
# as vmlinux. DIR/modules gets the modules that the stub needs, uncompressed. Usage: fetch-kernel.sh DIR [META]
set -euo pipefail

fail()
{
	echo "fetch-kernel: $*" >&2
	exit 1
}

dir=${1:?usage: fetch-kernel.sh DIR [META]}
meta=${2:-linux-image-cloud-amd64}
symbols=yes
[ $# -lt 2 ] || symbols=
mkdir -p "$dir/modules"
dir=$(cd "$dir" && pwd)

# What cvmdbg_stub.ko depends on and modprobe would load; some kernels have sha512 built in.
modules='libcurve25519-generic|curve25519-x86_64|sha512_generic'

# take_modules DIRECTORY: from a kernel's modules below it.
take_modules()
{
	local file
	find "$1" -regextype posix-extended -regex ".*/($modules)\.ko(\.xz)?" | while read -r file; do
		case $file in
		*.xz) xz -dc "$file" > "$dir/modules/$(basename "$file" .xz)" ;;
		*) cp "$file" "$dir/modules/" ;;
		esac
	done
	[ -f "$dir/modules/curve25519-x86_64.ko" ] || fail "no curve25519-x86_64 in the kernel's modules"
}

# Package lists may be absent or old on a fresh machine.
refresh()
{
	local root=()
	[ "$(id -u)" = 0 ] || root=(sudo)
	"${root[@]}" apt-get update -q </dev/null >/dev/null 2>&1
}

# The metapackage names the current kernel: linux-image-6.1.0-56-cloud-amd64.
current_image()
{
	apt-cache depends "$meta" 2>/dev/null |
		sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p' | head -n 1
}

image=$(current_image)
[ -n "$image" ] || { refresh && image=$(current_image); }
[ -n "$image" ] || fail "apt knows no $meta; run 'apt-get update' as root, then again"
release=${image#linux-image-}

if [ -r "/boot/vmlinuz-$release" ] && { [ -z "$symbols" ] || [ -r "/usr/lib/debug/boot/vmlinux-$release" ]; }; then
	ln -sf "/boot/vmlinuz-$release" "$dir/vmlinuz"
	[ -z "$symbols" ] || ln -sf "/usr/lib/debug/boot/vmlinux-$release" "$dir/vmlinux"
	take_modules "/lib/modules/$release"
	echo "$release" > "$dir/release"
	exit 0
fi

if [ "$(cat "$dir/release" 2>/dev/null)" = "$release" ] && [ -r "$dir/vmlinuz" ] &&
	[ -f "$dir/modules/curve25519-x86_64.ko" ] && { [ -z "$symbols" ] || [ -r "$dir/vmlinux" ]; }; then
	exit 0
fi

# The files are moved last and the release is written after them, so an interrupted run starts over.
packages=("$image")
[ -z "$symbols" ] || packages+=("$image-dbg")
echo "fetch-kernel: downloading ${packages[*]} (${symbols:+about 300 MB, }not installed), unpacking into $dir"
work=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "${packages[@]}" >/dev/null 2>&1 ||
	{ refresh && apt-get download -q "${packages[@]}" >/dev/null; } ||
	fail "cannot download ${packages[*]}; is a Debian mirror with debug packages configured?"
dpkg-deb --fsys-tarfile "$image"_*.deb | tar -x "./boot/vmlinuz-$release" "./lib/modules/$release/kernel"
take_modules "lib/modules/$release"
mv -f "boot/vmlinuz-$release" "$dir/vmlinuz"
if [ -n "$symbols" ]; then
	dpkg-deb --fsys-tarfile "$image-dbg"_*.deb | tar -x "./usr/lib/debug/boot/vmlinux-$release"
	mv -f "usr/lib/debug/boot/vmlinux-$release" "$dir/vmlinux"
fi
echo "$release" > "$dir/release"
