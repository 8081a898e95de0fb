#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# Runs a fuzzer once over every file of its corpus (no exploring) and reports in TAP.
# Usage: replay.sh FUZZER CORPUS_DIR
set -uo pipefail
fuzzer=$1 corpus=$2
number=0 failed=0
for input in "$corpus"/*; do
	[ -e "$input" ] || break
	number=$((number + 1))
	if output=$("$fuzzer" -runs=1 "$input" 2>&1); then
		echo "ok $number - ${input##*/}"
	else
		printf '%s\n' "$output" | tail -n 30
		echo "not ok $number - ${input##*/}"
		failed=1
	fi
done
echo "1..$number"
exit $failed
