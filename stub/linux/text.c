/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Where an int3 may stand in kernel text: not where the kernel itself patches and checks, not where
 * a trap would come back into the trap's own path, not in what the stub calls while it holds the
 * machine. The kernel knows all this for its kprobes, but exports none of it.
 */
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/string.h>

#include "stub/linux/module.h"

/* Kernel functions that the port's handlers call; an int3 there would trap without end. */
static const char *const needed[] = {
	"__irq_work_queue_local",
	"__module_address",
	"__module_text_address",
	"__rcu_read_lock",
	"__rcu_read_unlock",
	"_find_next_bit",
	"apic_default_calc_apicid",
	"arch_irq_work_raise",
	"arch_touch_nmi_watchdog",
	"arch_within_kprobe_blacklist",
	"copy_from_kernel_nofault",
	"copy_from_kernel_nofault_allowed",
	"core_kernel_text",
	"default_send_IPI_mask_sequence_phys",
	"default_send_IPI_self",
	"default_send_IPI_single_phys",
	"flat_send_IPI_mask",
	"fixup_exception",
	"hw_breakpoint_exceptions_notify",
	"irq_work_queue",
	"jump_label_text_reserved",
	"llist_add_batch",
	"kvm_send_ipi_mask",
	"__send_ipi_mask",
	"lookup_address",
	"lookup_address_in_pgd",
	"lookup_address_in_pgd_attr",
	"memcpy",
	"__memcpy",
	"memset",
	"__memset",
	"memmove",
	"memcmp",
	"__memmove",
	"perf_bp_event",
	"perf_swevent_event",
	"__perf_event_overflow",
	"search_exception_tables",
	"search_extable",
	"search_module_extables",
	"search_kernel_exception_table",
	"ex_handler_default",
	"ex_get_fixup_type",
	"x2apic_send_IPI_mask",
	"__x2apic_send_IPI_mask",
	"x2apic_phys_send_IPI_mask",
	"native_apic_mem_write",
	"native_apic_msr_write",
	"native_apic_wait_icr_idle",
	"native_read_msr",
	"reset_hung_task_detector",
	"static_call_text_reserved",
	"touch_softlockup_watchdog",
	"within_kprobe_blacklist",
	"native_apic_icr_write",
	"native_x2apic_icr_write",
};

/*
 * Entry code that no trap path goes through, though it is forbidden to kprobes: what every
 * backtrace of a system call ends in, so `finish` needs it.
 */
static const char *const harmless[] = {
	"do_syscall_64",      "do_int80_emulation", "do_int80_syscall_32",
	"do_fast_syscall_32", "do_SYSENTER_32",	    "ret_from_fork",
};

static struct {
	bool (*blacklisted)(unsigned long addr);
	int (*jump_labels)(void *start, void *end);
	int (*static_calls)(void *start, void *end);
	int (*kernel_text)(unsigned long addr);
	struct module *(*module_text)(unsigned long addr);
	bool known;
} ask;

void text_init(void)
{
	ask.blacklisted = (void *)symbols_find("within_kprobe_blacklist");
	ask.jump_labels = (void *)symbols_find("jump_label_text_reserved");
	ask.static_calls = (void *)symbols_find("static_call_text_reserved");
	ask.kernel_text = (void *)symbols_find("core_kernel_text");
	ask.module_text = (void *)symbols_find("__module_text_address");
	ask.known = ask.blacklisted && ask.jump_labels && ask.static_calls && ask.kernel_text &&
		    ask.module_text;
}

static bool is_in(unsigned long addr, const char *const *names, size_t count)
{
	char name[KSYM_SYMBOL_LEN];
	size_t i;

	sprint_symbol_no_offset(name, addr);
	for (i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static const char *refusal(unsigned long addr)
{
	void *start = (void *)addr;

	if (!ask.known)
		return "this kernel does not tell where it patches its text";
	if (within_module(addr, THIS_MODULE))
		return "the stub's own code";
	if (!ask.kernel_text(addr) && !ask.module_text(addr))
		return "neither kernel nor module text";
	if (ask.blacklisted(addr) && !is_in(addr, harmless, ARRAY_SIZE(harmless)))
		return "code of the trap paths (debugfs: kprobes/blacklist)";
	/* An int3 is one byte; the ranges include their ends (kernel/kprobes.c). */
	if (ask.jump_labels(start, start) || ask.static_calls(start, start))
		return "the kernel patches this instruction while it runs (jump label, static "
		       "call)";
	if (is_in(addr, needed, ARRAY_SIZE(needed)))
		return "the stub itself calls this function";
	return NULL;
}

int text_check(struct port *p, uint64_t addr, const char **why)
{
	const char *reason = refusal(addr);

	if (!reason)
		return 0;
	*why = reason;
	return ST_POLICY;
}
