/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What watches over CPUs that do not answer must not cry after a stop of minutes. What kgdb calls
 * for this is not exported; these are the substitutes. None exists for the clocksource watchdog,
 * which may distrust the TSC afterwards.
 */
#include <linux/nmi.h>
#include <linux/sched.h>

#include "stub/linux/compat.h"
#include "stub/linux/module.h"

/* A grace period that was open during the stop ends well within this. */
enum { QUIET_MS = 10000 };

static struct {
	bool quiet;
	int before; /* rcu_cpu_stall_suppress as it was */
	u64 until;
} rcu;

void watchdogs_stopped(struct port *p)
{
	if (rcu.quiet)
		return;
	rcu.before = READ_ONCE(rcu_cpu_stall_suppress);
	rcu.quiet = true;
	WRITE_ONCE(rcu_cpu_stall_suppress, 1);
}

void watchdogs_resuming(struct port *p)
{
	WRITE_ONCE(rcu.until, clock_now_ms(p) + QUIET_MS);
	reset_hung_task_detector();
}

void watchdogs_leaving(void)
{
	touch_softlockup_watchdog();
	touch_nmi_watchdog();
}

void watchdogs_tick(bool last)
{
	unsigned long flags;

	/* A stop in the middle of this would be given the wrong value to put back. */
	if (!rcu.quiet || (!last && clock_now_ms(&linux_port) < READ_ONCE(rcu.until)))
		return;
	local_irq_save(flags);
	WRITE_ONCE(rcu_cpu_stall_suppress, rcu.before);
	barrier();
	rcu.quiet = false;
	local_irq_restore(flags);
}
