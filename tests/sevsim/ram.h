/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What ram.c and tables.c share: plaintext while the VM is stopped. */
#ifndef TESTS_SEVSIM_RAM_H
#define TESTS_SEVSIM_RAM_H

#include "sim.h"

/* The plaintext page as QEMU has it; NULL if @gpa is not RAM. */
const uint8_t *ram_shadow(uint64_t gpa);
/* The page as the guest of a SEV host would have it: a private copy of the shadow, made on first
 * use. */
uint8_t *ram_view(uint64_t gpa, bool *made);

#endif
