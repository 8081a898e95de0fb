#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Puts a stock Debian kernel and its debug symbols into DIR as vmlinuz and vmlinux, without
# installing a kernel on this machine: packages that are installed are linked to, others are
# downloaded with apt and unpacked. Usage: fetch-kernel.sh DIR
set -euo pipefail

fail()
{
	echo "fetch-kernel: $*" >&2
	exit 1
}

dir=${1:?usage: fetch-kernel.sh DIR}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

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
	apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p' | head -n 1
}

image=$(current_image)
[ -n "$image" ] || { refresh && image=$(current_image); }
[ -n "$image" ] || fail "apt knows no linux-image-cloud-amd64; run 'apt-get update' as root, then again"
release=${image#linux-image-}

if [ -r "/boot/vmlinuz-$release" ] && [ -r "/usr/lib/debug/boot/vmlinux-$release" ]; then
	ln -sf "/boot/vmlinuz-$release" "$dir/vmlinuz"
	ln -sf "/usr/lib/debug/boot/vmlinux-$release" "$dir/vmlinux"
	echo "$release" > "$dir/release"
	exit 0
fi

if [ "$(cat "$dir/release" 2>/dev/null)" = "$release" ] && [ -r "$dir/vmlinuz" ] && [ -r "$dir/vmlinux" ]; then
	exit 0
fi

# The link is made last and the release is written after it, so an interrupted run starts over.
echo "fetch-kernel: downloading $image and $image-dbg (about 300 MB), unpacking into $dir"
work=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "$image" "$image-dbg" >/dev/null 2>&1 ||
	{ refresh && apt-get download -q "$image" "$image-dbg" >/dev/null; } ||
	fail "cannot download $image; is a Debian mirror with debug packages configured?"
dpkg-deb --fsys-tarfile "$image"_*.deb | tar -x "./boot/vmlinuz-$release"
dpkg-deb --fsys-tarfile "$image-dbg"_*.deb | tar -x "./usr/lib/debug/boot/vmlinux-$release"
mv -f "boot/vmlinuz-$release" "$dir/vmlinuz"
mv -f "usr/lib/debug/boot/vmlinux-$release" "$dir/vmlinux"
echo "$release" > "$dir/release"
