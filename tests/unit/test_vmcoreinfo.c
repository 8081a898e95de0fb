/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* host/sev/vmcoreinfo.c: recognising the page, reading the keys, refusing what cannot be true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/sev/vmcoreinfo.h"
#include "protocol/limits.h"

/* As Linux 6.1 writes it with KASLR, shortened. */
static const char text[] = "OSRELEASE=6.1.0-56-cloud-amd64\n"
			   "BUILD-ID=0123456789abcdef0123456789abcdef01234567\n"
			   "PAGESIZE=4096\n"
			   "SYMBOL(init_uts_ns)=ffffffffa3a1b500\n"
			   "SYMBOL(swapper_pg_dir)=ffffffffa3a10000\n"
			   "SYMBOL(_stext)=ffffffffa2000000\n"
			   "NUMBER(phys_base)=-553648128\n"
			   "SYMBOL(init_top_pgt)=ffffffffa3a10000\n"
			   "NUMBER(pgtable_l5_enabled)=1\n"
			   "KERNELOFFSET=21000000\n"
			   "NUMBER(sme_mask)=2251799813685248\n";

static void keys_are_read(void **state)
{
	struct vmcoreinfo v;

	(void)state;
	assert_int_equal(vmcoreinfo_parse(text, sizeof(text) - 1, &v), 0);
	assert_string_equal(v.release, "6.1.0-56-cloud-amd64");
	assert_int_equal(v.kerneloffset, 0x21000000);
	assert_int_equal(v.phys_base, -553648128);
	assert_int_equal(v.top_table, 0xffffffffa3a10000);
	assert_int_equal(v.stext, 0xffffffffa2000000);
	assert_int_equal(v.sme_mask, 1ull << 51);
	assert_true(v.l5);
	assert_int_equal(vmcoreinfo_image_gpa(&v, v.stext).v, 0x22000000 - 553648128);
}

/* Whatever the text is cut to, parsing it reads no further (the sanitizers watch) and lies about
 * nothing. */
static void any_prefix_is_safe(void **state)
{
	struct vmcoreinfo v;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len + 1);

		memcpy(copy, text, len);
		if (!vmcoreinfo_parse(copy, len, &v))
			assert_true(v.top_table >= 0xffffffff80000000);
		free(copy);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"OSRELEASE=6.1\n",
		"OSRELEASE=\nSYMBOL(swapper_pg_dir)=ffffffffa3a10000\n",
		"OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=ffff888000001000\n",
		"OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=ffffffffa3a10008\n",
		"OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=ffffffffa3a10000\nSYMBOL(_stext)=1000\n",
		"OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=ffffffffa3a10000\nNUMBER(phys_base)=7\n",
	};
	struct vmcoreinfo v;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(vmcoreinfo_parse(rows[i], strlen(rows[i]), &v), ST_INVAL);
}

static void pages_are_recognised(void **state)
{
	uint8_t page[PAGE_BYTES] = { 0 };
	size_t offset, len;

	(void)state;
	assert_false(vmcoreinfo_probe(page, &offset, &len));
	memcpy(page, text, sizeof(text));
	assert_true(vmcoreinfo_probe(page, &offset, &len));
	assert_int_equal(offset, 0);
	assert_int_equal(len, PAGE_BYTES);

	memset(page, 0, sizeof(page));
	put_le32(page, 11);
	put_le32(page + 4, sizeof(text) - 1);
	memcpy(page + 12, "VMCOREINFO", 11);
	memcpy(page + 24, text, sizeof(text));
	assert_true(vmcoreinfo_probe(page, &offset, &len));
	assert_int_equal(offset, 24);
	assert_int_equal(len, sizeof(text) - 1);
	put_le32(page + 4, VMCOREINFO_TEXT_MAX + 1);
	assert_false(vmcoreinfo_probe(page, &offset, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_read),
		cmocka_unit_test(any_prefix_is_safe),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(pages_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
