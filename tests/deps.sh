#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Installs the Debian packages named on the command line that are missing. Says so first; fails
# with a clear line when it cannot. Usage: deps.sh PACKAGE...
set -euo pipefail

missing=()
for package in "$@"; do
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
	*' installed') ;;
	*) missing+=("$package") ;;
	esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "deps: installing ${missing[*]}"
root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "deps: not root and no sudo; as root: apt-get install ${missing[*]}" >&2
		exit 1
	}
	root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install()
{
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1
}
# Package lists may be absent or old on a fresh machine: refresh them, then once more.
install || { "${root[@]}" apt-get update -q </dev/null >/dev/null 2>&1 && install; } || {
	tail -n 5 "$log" >&2
	echo "deps: apt-get could not install: ${missing[*]}" >&2
	exit 1
}
