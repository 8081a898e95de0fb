/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The table of back ends; the first that fits serves. */
#include "host/target/registry.h"

#include "host/target/hybrid.h"
#include "host/target/psp.h"

static const struct backend *const backends[] = {
	&hybrid_backend,
	&psp_backend,
};

const struct backend *registry_find(const struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(backends); i++)
		if (backends[i]->fits(vm))
			return backends[i];
	return NULL;
}
