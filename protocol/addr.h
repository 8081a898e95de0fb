/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The three kinds of addresses a host tool handles, as types that do not mix: confusing them (or
 * leaving a C-bit in one) is the bug class of this field. The only typedefs of the project.
 */
#ifndef PROTOCOL_ADDR_H
#define PROTOCOL_ADDR_H

#include "base.h"

typedef struct {
	uint64_t v;
} gva_t; /* guest virtual */

typedef struct {
	uint64_t v;
} gpa_t; /* guest physical, C-bit removed */

typedef struct {
	uint64_t v;
} hva_t; /* host virtual, in the address space of QEMU */

#define GVA(x) ((gva_t){ (x) })
#define GPA(x) ((gpa_t){ (x) })
#define HVA(x) ((hva_t){ (x) })

#endif
