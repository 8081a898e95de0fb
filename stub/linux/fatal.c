/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Stops when the kernel is about to die, while all CPUs still run and have their registers: on an
 * oops by the die notifier, which comes after the kernel has printed it, and at the entry of panic
 * by a kprobe, because panic's own notifiers come when the other CPUs are gone. The kernel goes on
 * afterwards as it would have.
 */
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/sched.h>

#include <asm/trapnr.h>

#include "stub/linux/module.h"

enum { TEXT_BYTES = 200 };

/* The last one that happened; whoever comes while another is told overwrites nothing. */
static struct {
	char text[TEXT_BYTES];
	atomic_t busy;
	unsigned int cpu;
	unsigned long ip;
} last;

/* Tells the stub, with @last filled in. */
static bool tell(enum target_signal signal, struct pt_regs *regs)
{
	bool mine;

	last.cpu = raw_smp_processor_id();
	last.ip = regs->ip;
	mine = entry_fatal(signal, last.text, regs);
	atomic_set(&last.busy, 0);
	return mine;
}

/* --- oops --- */

/* What the page fault's path says to die (arch/x86/mm/fault.c); it leaves the trap's number alone.
 */
static bool is_page_fault(const struct die_args *args)
{
	return !strcmp(args->str, "Oops");
}

static enum target_signal oops_signal(const struct die_args *args)
{
	if (is_page_fault(args) || args->trapnr == X86_TRAP_GP)
		return TARGET_SIGSEGV;
	/* BUG() as well. */
	return args->trapnr == X86_TRAP_UD ? TARGET_SIGILL : TARGET_SIGABRT;
}

static int on_oops(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct die_args *args = data;

	if (event != DIE_OOPS || atomic_xchg(&last.busy, 1))
		return NOTIFY_DONE;
	snprintf(last.text, sizeof(last.text), "kernel oops: %s (error %#lx) in %s(%d)",
		 is_page_fault(args) ? "page fault" : args->str, args->err, current->comm,
		 current->pid);
	(void)tell(oops_signal(args), args->regs);
	return NOTIFY_DONE;
}

static struct notifier_block oops_block = { .notifier_call = on_oops };

/* --- panic --- */

/* A va_list as the psABI lays it out (x86-64 psABI, 3.5.7), over the registers at a function entry.
 */
struct psabi_va_list {
	unsigned int gp_offset, fp_offset;
	void *overflow_arg_area, *reg_save_area;
};
static_assert(sizeof(struct psabi_va_list) == sizeof(va_list), "layout of va_list");

enum { GP_ARGS = 6, FP_OFFSET_NONE = GP_ARGS * 8 + 8 * 16 };

static void format(struct psabi_va_list *args, const char *fmt)
{
	size_t n = scnprintf(last.text, sizeof(last.text), "Kernel panic - not syncing: ");
	va_list copy;

	memcpy(copy, args, sizeof(*args));
	n += vscnprintf(last.text + n, sizeof(last.text) - n, fmt, copy);
	if (last.text[n - 1] == '\n')
		last.text[n - 1] = '\0';
}

/* At the entry of panic(const char *fmt, ...). */
static void format_panic(const struct pt_regs *regs)
{
	unsigned long gp[GP_ARGS] = { regs->di, regs->si, regs->dx, regs->cx, regs->r8, regs->r9 };
	struct psabi_va_list args = {
		.gp_offset = sizeof(gp[0]), /* behind fmt */
		.fp_offset = FP_OFFSET_NONE,
		.overflow_arg_area = (void *)(regs->sp + sizeof(long)),
		.reg_save_area = gp,
	};

	format(&args, (const char *)regs->di);
}

/* At the entry of vpanic(const char *fmt, va_list args), which newer kernels have. */
static void format_vpanic(const struct pt_regs *regs)
{
	format((struct psabi_va_list *)regs->si, (const char *)regs->di);
}

static struct kprobe probe;
static bool probed;

/* 1: the debugger has moved the CPU elsewhere, so the probed instruction is not run. */
static int on_panic(struct kprobe *p, struct pt_regs *regs)
{
	unsigned long ip = regs->ip, entry = (unsigned long)p->addr;
	bool moved;

	if (atomic_xchg(&last.busy, 1))
		return 0;
	if (!strcmp(p->symbol_name, "vpanic"))
		format_vpanic(regs);
	else
		format_panic(regs);
	regs->ip = entry;
	(void)tell(TARGET_SIGABRT, regs);
	moved = regs->ip != entry;
	if (!moved)
		regs->ip = ip;
	return moved;
}

static void probe_panic(void)
{
	static const char *const names[] = { "vpanic", "panic" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names) && !probed; i++) {
		probe = (struct kprobe){ .symbol_name = names[i], .pre_handler = on_panic };
		probed = !register_kprobe(&probe);
	}
}

/* --- --- */

void fatal_show(struct buf *out)
{
	char where[KSYM_SYMBOL_LEN];

	if (!last.text[0]) {
		buf_put_text(out, "nothing fatal has happened since the stub was loaded\n");
		return;
	}
	sprint_symbol(where, last.ip);
	buf_put_text(out, last.text);
	buf_put_text(out, "\non CPU ");
	buf_put_decimal(out, last.cpu);
	buf_put_text(out, " at ");
	buf_put_text(out, where);
	buf_put_char(out, '\n');
}

int fatal_init(void)
{
	int err = register_die_notifier(&oops_block);

	if (err)
		return err;
	probe_panic();
	if (!probed)
		pr_warn("cvmdbg_stub: panics are not caught: no kprobe on panic\n");
	return 0;
}

void fatal_exit(void)
{
	if (probed)
		unregister_kprobe(&probe);
	unregister_die_notifier(&oops_block);
}
