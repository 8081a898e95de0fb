/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Parser of VMCOREINFO. Takes a line at a time; what it does not know it passes over. Must not
 * trust lengths or numbers of the text: they are the guest's.
 */
#include "host/sev/vmcoreinfo.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"

/* __START_KERNEL_map, arch/x86/include/asm/page_64_types.h */
#define KERNEL_IMAGE_BASE 0xffffffff80000000ull
#define KERNEL_IMAGE_END  0xffffffffc0000000ull

#define OSRELEASE "OSRELEASE="
#define NOTE_NAME "VMCOREINFO"

enum {
	/* Elf64_Nhdr, then the name, padded to 4 */
	NOTE_DESCSZ = 4,
	NOTE_NAME_OFFSET = 12,
	NOTE_TEXT_OFFSET = 24,
	LINE_MAX_BYTES = 256,
};

bool vmcoreinfo_probe(const uint8_t *page, size_t *offset, size_t *len)
{
	if (memcmp(page, OSRELEASE, strlen(OSRELEASE)) == 0) {
		*offset = 0;
		*len = PAGE_BYTES;
		return true;
	}
	if (get_le32(page) != sizeof(NOTE_NAME) || get_le32(page + 8) != 0 ||
	    memcmp(page + NOTE_NAME_OFFSET, NOTE_NAME, sizeof(NOTE_NAME)) != 0 ||
	    memcmp(page + NOTE_TEXT_OFFSET, OSRELEASE, strlen(OSRELEASE)) != 0)
		return false;
	*offset = NOTE_TEXT_OFFSET;
	*len = get_le32(page + NOTE_DESCSZ);
	return *len <= VMCOREINFO_TEXT_MAX;
}

/* The value of @key if @line is "key=value", else NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);

	return strncmp(line, key, len) == 0 && line[len] == '=' ? line + len + 1 : NULL;
}

static void take_line(const char *line, struct vmcoreinfo *v)
{
	const char *value;

	if ((value = value_of(line, "OSRELEASE")))
		memcpy(v->release, value, strnlen(value, sizeof(v->release) - 1));
	else if ((value = value_of(line, "KERNELOFFSET")))
		v->kerneloffset = strtoull(value, NULL, 16);
	else if ((value = value_of(line, "NUMBER(phys_base)")))
		v->phys_base = strtoll(value, NULL, 10);
	else if ((value = value_of(line, "SYMBOL(swapper_pg_dir)")) ||
		 (value = value_of(line, "SYMBOL(init_top_pgt)")))
		v->top_table = strtoull(value, NULL, 16);
	else if ((value = value_of(line, "SYMBOL(_stext)")))
		v->stext = strtoull(value, NULL, 16);
	else if ((value = value_of(line, "NUMBER(sme_mask)")))
		v->sme_mask = strtoull(value, NULL, 10);
	else if ((value = value_of(line, "NUMBER(pgtable_l5_enabled)")))
		v->l5 = strtoull(value, NULL, 10) == 1;
}

static bool in_image(uint64_t va)
{
	return va >= KERNEL_IMAGE_BASE && va < KERNEL_IMAGE_END;
}

int vmcoreinfo_parse(const char *text, size_t len, struct vmcoreinfo *ret)
{
	struct vmcoreinfo v = { .release = "" };
	const char *end = memchr(text, '\0', len);
	char line[LINE_MAX_BYTES];

	if (!end)
		end = text + len;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);

		if (n < sizeof(line)) {
			memcpy(line, text, n);
			line[n] = '\0';
			take_line(line, &v);
		}
		text += n + 1;
	}
	if (!v.release[0] || !in_image(v.top_table) || v.top_table % PAGE_BYTES ||
	    (v.stext && !in_image(v.stext)) || v.phys_base % PAGE_BYTES)
		return ST_INVAL;
	*ret = v;
	return 0;
}

gpa_t vmcoreinfo_image_gpa(const struct vmcoreinfo *info, uint64_t va)
{
	return GPA(va - KERNEL_IMAGE_BASE + (uint64_t)info->phys_base);
}
