#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Builds the stub's module and the specimen for the kernel in DIR, and the initramfs that holds both:
# DIR/stub.gz; the modules with their symbols stay in DIR. Usage: build.sh B DIR
set -euo pipefail

b=${1:?usage: build.sh B DIR}
dir=${2:?usage: build.sh B DIR}
release=$(cat "$dir/release")
kdir=/usr/src/linux-headers-$release

[ -d "$kdir" ] || {
	echo "build.sh: no headers of $release: apt-get install linux-headers-$release" >&2
	exit 1
}

make --no-print-directory -s module KDIR="$kdir" B="$b" >&2
cp "$b/module-$release/cvmdbg_stub.ko" "$dir/"

work=$(cd "$dir" && pwd)/specimen
mkdir -p "$work"
ln -sf "$PWD/tests/guest/stub/specimen.c" "$work/main.c"
# The benchmark asks it what the stub's cipher costs in this guest.
ln -sf "$PWD/protocol/chacha20poly1305.c" "$PWD/protocol/noise.c" "$work/"
cat > "$work/Kbuild" <<-EOF
	ccflags-y := -I$PWD -I$PWD/protocol -Wno-declaration-after-statement
	obj-m := specimen.o
	specimen-y := main.o chacha20poly1305.o noise.o
EOF
make --no-print-directory -s -C "$kdir" M="$work" modules >&2
cp "$work/specimen.ko" "$dir/"

# Symbols are for the debugger outside.
strip -g -o "$work/stub-stripped" "$dir/cvmdbg_stub.ko"
strip -g -o "$work/specimen-stripped" "$dir/specimen.ko"
modules=()
for module in "$dir"/modules/*.ko; do
	modules+=("${module##*/}=$module")
done
"${PYTHON:-python3}" tests/guest/linux/mkinitramfs.py "$dir/stub.gz" init="$dir/../stub-init" \
	cvmdbg_stub.ko="$work/stub-stripped" specimen.ko="$work/specimen-stripped" \
	"${modules[@]}"
