/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The text of QEMU's `info mtree -f` (softmmu/memory.c, mtree_print_flatview): which guest physical
 * addresses have RAM blocks behind them. Pure; knows neither QMP nor processes.
 */
#ifndef HOST_QEMU_MTREE_H
#define HOST_QEMU_MTREE_H

#include "host/err.h"
#include "protocol/addr.h"

enum { MTREE_NAME_MAX = 64 };

/*
 * One line of a flat view whose kind is "ram" or "rom": backed by a RAM block. A piece of the
 * guest's RAM turns into "rom" when firmware write-protects it (0xc0000-0xfffff under SeaBIOS).
 */
struct mtree_range {
	uint64_t first, last;	   /* guest physical, inclusive */
	uint64_t offset;	   /* of first in the RAM block */
	char name[MTREE_NAME_MAX]; /* of the RAM block */
};

/* Return 0 to go on; anything else ends the walk and is returned. */
typedef int mtree_range_fn(void *arg, const struct mtree_range *range);

/*
 * Calls @range for each such line of the address space "memory", ascending. Other address spaces
 * (SMM, PCI masters, I/O ports) are skipped. ST_INVAL when there is no such address space.
 */
int mtree_parse(const char *text, mtree_range_fn *range, void *arg, struct err *err) MUST_USE;

#endif
