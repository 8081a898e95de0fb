/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* QEMU's flat view as text: an excerpt of QEMU 7.2's, and lines that are none of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/qemu/mtree.h"

static const char flat_views[] =
	"FlatView #0\n"
	" AS \"I/O\", root: io\n"
	" Root memory region: io\n"
	"  0000000000000000-0000000000000007 (prio 0, ram): not.this\n"
	"\n"
	"FlatView #1\n"
	" AS \"VGA\", root: bus master container\n"
	" Root memory region: (none)\n"
	"  No rendered FlatView\n"
	"\n"
	"FlatView #2\r\n"
	" AS \"memory\", root: system\r\n"
	" AS \"cpu-memory-0\", root: system\r\n"
	" Root memory region: system\r\n"
	"  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM\r\n"
	"  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem\r\n"
	"  00000000000c0000-00000000000cafff (prio 0, rom): pc.ram @00000000000c0000 KVM\r\n"
	"  00000000fd000000-00000000fdffffff (prio -1, ram): vga.vram\r\n"
	"  00000000fe000000-00000000fe000fff (prio 0, nv-ram): nvdimm\r\n"
	"  00000000fffc0000-00000000ffffffff (prio 0, romd): system.flash0\r\n"
	"  0000000100000000-00000001bfffffff (prio 0, ram): my ram @0000000080000000\r\n"
	"\r\n"
	"FlatView #3\n"
	" AS \"cpu-smm-0\", root: memory\n"
	"  0000000000000000-000000000009ffff (prio 0, ram): not.this.either\n";

static const char expected[] = "0-9ffff pc.ram@0\n"
			       "c0000-cafff pc.ram@c0000\n"
			       "fd000000-fdffffff vga.vram@0\n"
			       "100000000-1bfffffff my ram@80000000\n";

static int print(void *arg, const struct mtree_range *r)
{
	char *out = arg;

	sprintf(out + strlen(out), "%llx-%llx %s@%llx\n", (unsigned long long)r->first,
		(unsigned long long)r->last, r->name, (unsigned long long)r->offset);
	return 0;
}

static void test_flat_view(void **state)
{
	char out[1024] = "";
	struct err err;

	(void)state;
	assert_int_equal(mtree_parse(flat_views, print, out, &err), 0);
	assert_string_equal(out, expected);
}

static int refuse(void *arg, const struct mtree_range *r)
{
	(void)r;
	++*(int *)arg;
	return ST_NOSPC;
}

static void test_end(void **state)
{
	struct err err;
	int calls = 0;

	(void)state;
	assert_int_equal(mtree_parse(flat_views, refuse, &calls, &err), ST_NOSPC);
	assert_int_equal(calls, 1);
	assert_int_equal(mtree_parse("", refuse, &calls, &err), ST_INVAL);
	assert_int_equal(mtree_parse("unknown command: 'info mtree'\r\n", refuse, &calls, &err),
			 ST_INVAL);
	assert_int_equal(calls, 1);
}

/* A line that is not understood as a whole yields nothing. */
static void test_lines(void **state)
{
	static const char good[] =
		" AS \"memory\", root: system\n"
		"  0000000000100000-0000000003ffffff (prio 0, ram): r@m @0000000000100000 KVM\n";
	static const char *const bad[] = {
		"  0000000000100000-00000000000fffff (prio 0, ram): backwards\n",
		"  10000000000000000-1ffffffffffffffff (prio 0, ram): too-wide\n",
		"  -0000000000000fff (prio 0, ram): no-start\n",
		"  0000000000000000-0000000000000fff (prio 0, ram): \n",
		"  0000000000000000-0000000000000fff (prio 0, ram): x @00000000000000g0\n",
		"  0000000000000000-0000000000000fff (prio , rams): x\n",
	};
	char text[256], out[1024];
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		out[0] = '\0';
		snprintf(text, sizeof(text), " AS \"memory\", root: system\n%s", bad[i]);
		assert_int_equal(mtree_parse(text, print, out, &err), 0);
		assert_string_equal(out, "");
	}
	out[0] = '\0';
	assert_int_equal(mtree_parse(good, print, out, &err), 0);
	assert_string_equal(out, "100000-3ffffff r@m@100000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat_view),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
