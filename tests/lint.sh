#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# The house rules that a machine can check (docs/design.md, "House rules"). Prints each breach as
# file:line: rule, then a TAP line a rule. Run from the top of the tree.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

number=0
failed=0

# report NAME BREACHES: one TAP line; BREACHES is empty when the rule holds.
report()
{
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		printf '%s\n' "$2"
		echo "not ok $number - $1"
		failed=1
	fi
}

mapfile -t files < <(git ls-files --cached --others --exclude-standard)
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep -E '\.[chS]$')
mapfile -t c_files < <(printf '%s\n' "${files[@]}" | grep -E '\.[ch]$')
mapfile -t shells < <(grep -lE '^#!.*\b(ba)?sh\b' -- "${files[@]}" 2>/dev/null)

report 'every source names its licence' "$(
	for f in "${files[@]}"; do
		case $f in
		*.c | *.h | *.S | *.ld | *.def | *.py | *.sh | Makefile | .clang-format | .ci/run)
			head -n 3 "$f" | grep -q 'SPDX-License-Identifier: MIT OR GPL-2.0-only' ||
				echo "$f:1: no SPDX line"
			;;
		esac
	done
)"

report 'header guards follow the path' "$(
	for f in "${c_files[@]}"; do
		[[ $f == *.h ]] || continue
		guard=$(echo "${f%.h}_H" | tr 'a-z/-' 'A-Z__')
		grep -q "^#ifndef $guard\$" "$f" || echo "$f:1: guard is not $guard"
	done
)"

report 'conditional compilation only in protocol/base.h' "$(
	grep -nE '^[[:space:]]*#[[:space:]]*(if|ifdef|elif|else)\b' \
		$(printf '%s\n' "${c_files[@]}" | grep -E '^(protocol|stub|host)/' | grep -vE '^(protocol/base|stub/linux/compat).h$')
)"

report 'no line comments, no left-overs' "$(
	grep -nE '(^|[[:space:]])//|TODO|FIXME|XXX' "${sources[@]}" | grep -vE '"[^"]*//[^"]*"|https?://'
)"

report 'files stay below 800 lines' "$(
	wc -l "${sources[@]}" | awk '$2 != "total" && $1 > 800 { print $2 ":" $1 ": too long" }'
)"

report 'only host/sev knows KVM ioctls' "$(
	grep -nE '\bioctl\(' $(printf '%s\n' "${c_files[@]}" | grep -E '^(protocol|host)/' | grep -v '^host/sev/')
)"

report 'the product does not know its test rig' "$(
	grep -nil 'sevsim' $(printf '%s\n' "${files[@]}" | grep -E '^(protocol|host|stub|gdb-scripts)/')
)"

report 'every subcommand is in the man page' "$(
	sed -nE 's/^\t\{ "([a-z-]+)".*/\1/p' host/main.c | while read -r command; do
		grep -q "^\.SS.*$command\|^\.BI* *\"*cvmdbg $command" <(sed 's/\\-/-/g' docs/man/cvmdbg.1) ||
			echo "docs/man/cvmdbg.1: nothing about $command"
	done
)"

report 'man pages are well formed' "$(
	for f in docs/man/*.[1-9]; do groff -man -Tutf8 -ww -z "$f" 2>&1; done
)"

report 'formatting (clang-format)' "$(
	clang-format --dry-run --Werror "${c_files[@]}" 2>&1 | grep -E 'error:' | head -n 20
)"

report 'shell scripts (shellcheck)' "$(
	shellcheck -S warning -e SC2046 "${shells[@]}" 2>&1
)"

report 'python compiles' "$(
	for f in "${files[@]}"; do
		[[ $f == *.py ]] && /usr/bin/python3 - "$f" <<-'E' 2>&1
			import ast, sys
			ast.parse(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1])
		E
	done
)"

report 'static analysis (cppcheck)' "$(
	cppcheck --quiet --std=c11 --inline-suppr --enable=warning,portability --error-exitcode=1 \
		'-Djson_array_foreach(a,i,v)=for(i=0;(v=json_array_get(a,i));i++)' \
		'-Djson_object_foreach(o,k,v)=for(k="",v=o;v;v=0)' \
		--suppress=missingIncludeSystem -I. protocol host 2>&1
)"

echo "1..$number"
exit $failed
