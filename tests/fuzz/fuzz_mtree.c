/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Target: mtree_parse. The input is the text of `info mtree -f`. */
#include <stdlib.h>
#include <string.h>

#include "host/qemu/mtree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check(void *arg, const struct mtree_range *r)
{
	(void)arg;
	if (r->last < r->first || !r->name[0] || !memchr(r->name, '\0', sizeof(r->name)))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* of exactly this size: the sanitizer sees a read past it */
	struct err err;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)!mtree_parse(text, check, NULL, &err);
	free(text);
	return 0;
}
