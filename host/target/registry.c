/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The table of back ends; the first that fits serves. */
#include "host/target/registry.h"

#include "host/target/hybrid.h"
#include "host/target/psp.h"
#include "host/target/stub.h"

static const struct backend *const backends[] = {
	&stub_backend,
	&hybrid_backend,
	&psp_backend,
};

const struct backend *registry_find(const struct backend_config *config)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(backends); i++)
		if (backends[i]->fits(config))
			return backends[i];
	return NULL;
}
