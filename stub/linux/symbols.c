/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Finds functions that the kernel does not export, by registering a kprobe on their names: the one
 * exported interface that resolves names. Every caller can do without.
 */
#include <linux/kprobes.h>

#include <asm/cpufeature.h>

#include "stub/linux/module.h"

unsigned long symbols_find(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	unsigned long addr;

	/*
	 * With indirect branch tracking a call needs an ENDBR at its target, which the kernel
	 * removes from functions that it never calls by pointer (asm/ibt.h).
	 */
	if (boot_cpu_has(X86_FEATURE_IBT) || register_kprobe(&probe))
		return 0;
	addr = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return addr;
}
