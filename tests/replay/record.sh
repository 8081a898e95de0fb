#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Records the transcripts that real debuggers make: gdb-*.log and lldb-*.log beside this file. Run
# after a deliberate change of what the server says, and read the difference before committing it.
# Usage: record.sh FAKE_SERVER
set -euo pipefail
server=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d) # nothing unfinished lands beside the transcripts
trap 'rm -rf "$work"' EXIT

# record NAME COMMAND...: COMMAND with PORT replaced, against a fresh server.
record()
{
	local log=$1.log pid port
	shift
	mkfifo "$work/port"
	"$server" "$work/log" >"$work/port" &
	pid=$!
	read -r port <"$work/port"
	rm "$work/port"
	timeout 60 "${@//PORT/$port}" </dev/null >"$work/output" 2>&1 || true
	kill "$pid" 2>/dev/null || true # it ends by itself when the client is gone
	wait "$pid" || true
	# A debugger that goes round in circles (a watched value that never changes) is no test.
	if [ "$(stat -c %s "$work/log")" -gt 1000000 ]; then
		echo "record: $log would not end" >&2
		exit 1
	fi
	{
		echo '# SPDX-License-Identifier: MIT OR GPL-2.0-only'
		printf '# Recorded by record.sh: %s\n' "$("$1" --version | head -n 1)"
		cat "$work/log"
	} >"$log"
	echo "recorded $log: $(grep -c '^w' "$log") exchanges"
}

record gdb-look gdb -q -nx -batch -ex 'target remote localhost:PORT' -ex 'info registers' \
	-ex 'info threads' -ex 'x/4i $pc' -ex 'x/32xb 0xffff888000010000' \
	-ex 'x/4xb 0xffff888000012ffe' -ex 'thread 2' -ex 'p/x $cr0' -ex 'p $st0' \
	-ex 'monitor hello' -ex 'find /b 0xffff888000010000, +0x2000, 0x15, 0x1c' \
	-ex 'info mem' -ex 'info auxv' -ex 'detach'
record gdb-run gdb -q -nx -batch -ex 'target remote localhost:PORT' \
	-ex 'hbreak *0xffffffff81000180' -ex 'break *0xffffffff81000200' -ex 'continue' \
	-ex 'stepi' -ex 'stepi 3' -ex 'continue' -ex 'delete' -ex 'awatch *(long *)0xffff888000010000' \
	-ex 'continue' -ex 'info threads' -ex 'thread 2' -ex 'stepi' -ex 'kill'
record gdb-write gdb -q -nx -batch -ex 'target remote localhost:PORT' \
	-ex 'set var *(long *)0xffff888000010000 = 0x2a7d2423' -ex 'x/2xg 0xffff888000010000' \
	-ex 'set var $rax = 0x1234' -ex 'p/x $rax' -ex 'set var $cr8 = 1' \
	-ex 'set var *(long *)0 = 1' -ex 'set var *(char *)0xffffffff81000000 = 1' \
	-ex 'set may-write-memory off' -ex 'set var *(char *)0xffff888000010000 = 1' -ex 'detach'
record lldb-look lldb-19 -x -b -o 'gdb-remote localhost:PORT' -o 'register read' \
	-o 'thread list' -o 'memory read 0xffff888000010000' -o 'x/4xb 0xffff888000012ffe' \
	-o 'memory region 0xffff888000010000' -o 'disassemble -s 0xffffffff81000100 -c 4' \
	-o 'process plugin packet send qEcho:1' -o 'detach'
record lldb-run lldb-19 -x -b -o 'gdb-remote localhost:PORT' \
	-o 'breakpoint set -H -a 0xffffffff81000180' -o 'continue' -o 'stepi' \
	-o 'memory write 0xffff888000010000 0x23 0x24 0x7d 0x2a' -o 'memory read -c 8 0xffff888000010000' \
	-o 'register write rax 0x1234' -o 'register read rax' -o 'thread select 2' -o 'kill'
