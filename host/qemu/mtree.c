/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the text looks like (QEMU 7.2; later versions add columns behind the name):
 *
 *	FlatView #1
 *	 AS "memory", root: system
 *	 AS "cpu-memory-0", root: system
 *	 Root memory region: system
 *	  0000000000000000-00000000000bffff (prio 0, ram): pc.ram KVM
 *	  00000000000c0000-00000000000cafff (prio 0, rom): pc.ram @00000000000c0000 KVM
 *	  0000000000100000-0000000003ffffff (prio 0, ram): pc.ram @0000000000100000 KVM
 */
#include "host/qemu/mtree.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool skip(const char **at, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool take_hex(const char **at, uint64_t *ret)
{
	char *end;

	if (!isxdigit((unsigned char)**at))
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, 16);
	*at = end;
	return !errno;
}

/* "  FIRST-LAST (prio N, KIND): NAME[ @OFFSET][ ...]"; a name may contain blanks, an offset is 16
 * digits. */
static bool parse_range(const char *line, struct mtree_range *ret)
{
	const char *end, *at = line;

	while (*at == ' ')
		at++;
	if (!take_hex(&at, &ret->first) || !skip(&at, "-") || !take_hex(&at, &ret->last) ||
	    ret->last < ret->first || !skip(&at, " (prio "))
		return false;
	while (*at == '-' || isdigit((unsigned char)*at))
		at++;
	if (!skip(&at, ", ram): ") && !skip(&at, ", rom): "))
		return false;
	end = at + strcspn(at, "\r\n");
	ret->offset = 0;
	if (end - at > 4 && strncmp(end - 4, " KVM", 4) == 0)
		end -= 4;
	if (end - at > 18 && strncmp(end - 18, " @", 2) == 0) {
		const char *digits = end - 16;

		if (!take_hex(&digits, &ret->offset) || digits != end)
			return false;
		end -= 18;
	}
	if (end == at || (size_t)(end - at) >= sizeof(ret->name))
		return false;
	memcpy(ret->name, at, (size_t)(end - at));
	ret->name[end - at] = '\0';
	return true;
}

int mtree_parse(const char *text, mtree_range_fn *range, void *arg, struct err *err)
{
	bool ours = false, found = false;
	struct mtree_range r;
	const char *line;
	int status;

	for (line = text; *line; line += *line ? 1 : 0) {
		const char *at = line;

		if (skip(&at, "FlatView #"))
			ours = false;
		else if (skip(&at, " AS \"memory\","))
			ours = found = true;
		else if (ours && parse_range(line, &r)) {
			status = range(arg, &r);
			if (status)
				return status;
		}
		line += strcspn(line, "\n");
	}
	return found ? 0
		     : err_set(err, ST_INVAL,
			       "QEMU's \"info mtree -f\" names no address space \"memory\"");
}
