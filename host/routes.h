/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Whether each route to the PSP is open for us, and if not, which precondition of sev-host.md 7 and
 * 8 is missing. A forecast from outside that changes nothing: psp_open has the last word.
 */
#ifndef HOST_ROUTES_H
#define HOST_ROUTES_H

#include "host/qemu/vm.h"

struct route_forecast {
	bool open;
	struct err why; /* when not open */
};

struct routes {
	struct route_forecast mirror, inject;
};

void routes_forecast(const struct vm *vm, struct routes *ret);

#endif
