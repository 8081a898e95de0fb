/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Milliseconds from the TSC. The kernel's clocks do not serve: reading one may be port I/O or
 * MMIO, that is a #VC, and they wrap when nobody keeps them up during a long stop.
 */
#include <linux/atomic.h>
#include <linux/timex.h>

#include <asm/tsc.h>

#include "stub/linux/module.h"

enum { KHZ_GUESS = 1000000 };

static u64 start;
static atomic64_t latest;

void clock_init(void)
{
	start = rdtsc();
}

/* CPUs' counters may differ by a little: time never goes back all the same. */
uint64_t clock_now_ms(struct port *p)
{
	s64 now = (s64)(rdtsc() - start) / (tsc_khz ? tsc_khz : KHZ_GUESS);
	s64 seen = atomic64_read(&latest);

	while (now > seen && !atomic64_try_cmpxchg(&latest, &seen, now))
		;
	return now > seen ? now : seen;
}
