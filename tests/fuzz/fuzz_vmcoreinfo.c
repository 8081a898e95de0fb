/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Target: vmcoreinfo_probe, vmcoreinfo_parse. The input is a page of guest memory. */
#include <stdlib.h>
#include <string.h>

#include "host/sev/vmcoreinfo.h"
#include "protocol/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t page[2 * PAGE_BYTES];
	size_t offset, len;
	struct vmcoreinfo v;

	if (size > sizeof(page))
		return 0;
	/* The parser alone, on exactly these bytes: the sanitizer sees a read past them. */
	if (!vmcoreinfo_parse((const char *)data, size, &v) && v.top_table % PAGE_BYTES)
		abort();
	memset(page, 0, sizeof(page));
	memcpy(page, data, size);
	if (vmcoreinfo_probe(page, &offset, &len)) {
		if (offset + len > sizeof(page))
			abort();
		(void)!vmcoreinfo_parse((const char *)page + offset, len, &v);
	}
	return 0;
}
