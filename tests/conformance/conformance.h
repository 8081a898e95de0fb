/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the suite knows about a back end under test: how to get a fresh target and what that
 * target's machine looks like. To put a new back end under test: a row in backends.c.
 */
#ifndef TESTS_CONFORMANCE_CONFORMANCE_H
#define TESTS_CONFORMANCE_CONFORMANCE_H

#include "protocol/target.h"

/* The machine: CONFORMANCE_BYTES of readable memory at `mapped`, nothing mapped behind them. */
enum {
	CONFORMANCE_PAGES = 3,
	CONFORMANCE_BYTES = CONFORMANCE_PAGES * PAGE_BYTES,
};

struct conformance_machine {
	uint64_t mapped;
	uint64_t unmapped;    /* a whole page that is not mapped */
	const uint8_t *truth; /* CONFORMANCE_BYTES: what reading must yield at first */
};

struct conformance_backend {
	const char *name;
	/* A target that is stopped. The suite detaches it. */
	struct target *(*open)(struct conformance_machine *ret);
	void (*close)(struct target *t);
};

extern const struct conformance_backend conformance_backends[];
extern const unsigned int conformance_backends_count;

#endif
