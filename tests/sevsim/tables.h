/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The C-bit in page tables. A guest under software emulation knows of none, so while the VM is
 * stopped the tables are shown as a SEV guest would have written them: every entry that leads to
 * private RAM has it.
 */
#ifndef TESTS_SEVSIM_TABLES_H
#define TESTS_SEVSIM_TABLES_H

#include "sim.h"

/*
 * Finds all table pages in the plaintext (ram_shadow of ram.h) and gives each to ram_view, whose
 * entries are then changed in place.
 */
void tables_mark(const struct sim_cpu *cpus);

/* Takes the C-bit out of a changed table page again. */
void tables_strip(uint8_t *page);

#endif
