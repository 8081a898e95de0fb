#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# The integration tests on a real SEV host: checks what is needed, says what is missing, then runs them
# with CVMDBG_HW=sev or sev-es, for which vm.py launches a SEV guest under KVM instead of one under sevsim.
# Usage: check-hw.sh [sev|sev-es] (default: both)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

missing=0
need()
{
	if eval "$2" >/dev/null 2>&1; then
		printf '  ok       %s\n' "$1"
	else
		printf '  missing  %s\n           %s\n' "$1" "$3"
		missing=1
	fi
}

firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
echo "check-hw: what a hardware run needs"
need 'an AMD CPU with SEV' 'grep -qw sev /proc/cpuinfo' \
	'EPYC 7001 or later; enable SMEE and a minimum SEV-ES ASID in firmware setup'
need '/dev/kvm' 'test -r /dev/kvm -a -w /dev/kvm' 'modprobe kvm_amd; join the group kvm or run as root'
need '/dev/sev' 'test -r /dev/sev -a -w /dev/sev' 'modprobe ccp; run as root'
need 'kvm_amd with sev=1' 'grep -q "[1Y]" /sys/module/kvm_amd/parameters/sev' \
	'modprobe kvm_amd sev=1 sev_es=1'
need "$firmware" "test -r $firmware" 'apt-get install ovmf'
need 'qemu-system-x86_64' 'command -v qemu-system-x86_64' 'make deps'
if [ $missing -ne 0 ]; then
	echo 'check-hw: NOT RUN: this machine lacks the lines above'
	exit 1
fi

failed=0
for type in "${@:-sev sev-es}"; do
	for t in $type; do
		echo "check-hw: $t"
		CVMDBG_HW=$t tests/run.py --save "build/check-hw-$t.tap" \
			"hw/gdb=/usr/bin/python3 tests/integration/tap.py -k linux tests/integration/test_gdb.py" \
			"hw/info=/usr/bin/python3 tests/integration/tap.py -k linux tests/integration/test_info.py" \
			|| failed=1
	done
done
exit $failed
