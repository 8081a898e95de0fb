#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Makes a Debian package's tree around sources that are staged already. Usage: stage.sh VERSION DIR
set -euo pipefail
version=${1:?usage: stage.sh VERSION DIR} dir=${2:?usage: stage.sh VERSION DIR}
here=$(cd "$(dirname "$0")" && pwd)

# fill TEMPLATE TARGET MODE
fill()
{
	install -D -m "$3" "$here/$1" "$dir/$2"
	sed -i "s/@VERSION@/$version/g" "$dir/$2"
}

fill control.in DEBIAN/control 0644
fill postinst.in DEBIAN/postinst 0755
fill prerm.in DEBIAN/prerm 0755
fill dkms.conf.in "usr/src/cvmdbg-stub-$version/dkms.conf" 0644
install -D -m 0755 "$here/../cvmdbg-load" "$dir/usr/sbin/cvmdbg-load"
install -D -m 0644 "$here/../../../docs/man/cvmdbg-stub.7" "$dir/usr/share/man/man7/cvmdbg-stub.7"
install -D -m 0644 "$here/policy.example" "$dir/usr/share/doc/cvmdbg-stub-dkms/policy.example"
