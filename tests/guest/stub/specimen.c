/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A module to be debugged: functions and data with known names, ways into trouble, and a checksum
 * of the kernel's text that tests compare. Everything is asked for through /proc/specimen. It
 * belongs to the tests; the stub does not know it.
 */
#include <asm/tsc.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "protocol/chacha20poly1305.h"

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("a specimen for debugger tests");

enum { LINE_MAX = 64, PATCH_BYTES = 5, HELD_MS = 10000, RECORD_BYTES = 16384 };

/* --- what a debugger looks at --- */

/* Called as written, whatever the compiler knows about arguments and results. */
#define SPECIMEN static __attribute__((noipa))

static unsigned long specimen_count;
static unsigned long specimen_watched;
static unsigned long specimen_release;
static char specimen_buffer[64] __used;

SPECIMEN unsigned long specimen_leaf(unsigned long n)
{
	specimen_count += n;
	barrier();
	return specimen_count;
}

SPECIMEN unsigned long specimen_step_one(unsigned long n)
{
	unsigned long sum = specimen_leaf(n);

	barrier();
	return sum + 1;
}

/* A hundred instructions on one line, for range steps. */
#define TEN "inc %0; inc %0; inc %0; inc %0; inc %0; inc %0; inc %0; inc %0; inc %0; inc %0;"
SPECIMEN unsigned long specimen_long_line(unsigned long n)
{
	asm volatile(TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN : "+r"(n));
	return n;
}

SPECIMEN void specimen_watch(void)
{
	WRITE_ONCE(specimen_watched, specimen_watched + 1);
}

/* Instructions that a debugger steps with care, with symbols for each. */
SPECIMEN unsigned long specimen_insns(void)
{
	unsigned long flags;
	u32 a = 0, b, c = 0, d;

	asm volatile(
		".globl specimen_pushf, specimen_cli, specimen_sti, specimen_cpuid, specimen_end\n"
		"specimen_pushf: pushfq\n"
		"pop %0\n"
		"specimen_cli: cli\n"
		"push %0\n"
		"popfq\n"
		"specimen_cpuid: cpuid\n"
		"nop\n"
		"specimen_sti: sti\n"
		"nop\n"
		"specimen_end: nop\n"
		: "=&r"(flags), "+a"(a), "=b"(b), "+c"(c), "=d"(d)
		:
		: "memory", "cc");
	return flags;
}

SPECIMEN void specimen_together(void *unused)
{
	specimen_leaf(1);
}

/* --- trouble --- */

static noinline void specimen_bug(void)
{
	BUG();
}

SPECIMEN void specimen_oops(void)
{
	*(volatile int *)8 = 1;
}

/* With interrupts off until a debugger sets specimen_release, or for ten seconds. */
SPECIMEN void specimen_spin(void)
{
	/* Not mdelay: CPUs of an emulated machine are calibrated badly. */
	u64 until = rdtsc() + (u64)HELD_MS * tsc_khz;
	unsigned long flags;

	local_irq_save(flags);
	while (rdtsc() < until && !READ_ONCE(specimen_release))
		cpu_relax();
	local_irq_restore(flags);
	specimen_release = 0;
}

/* --- the checksum of the kernel's text --- */

static unsigned long (*find_symbol)(const char *name);

static int resolve(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int err = register_kprobe(&probe);

	if (err)
		return err;
	find_symbol = (void *)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

/* Jump labels change by themselves: their bytes do not count. */
static void mask(u8 *image, unsigned long start, unsigned long end)
{
	struct jump_entry *entry = (void *)find_symbol("__start___jump_table");
	struct jump_entry *stop = (void *)find_symbol("__stop___jump_table");

	for (; entry && entry < stop; entry++) {
		unsigned long at = jump_entry_code(entry);

		if (at >= start && at + PATCH_BYTES <= end)
			memset(image + (at - start), 0, PATCH_BYTES);
	}
}

static u64 fnv(u64 sum, const u8 *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum = (sum ^ data[i]) * 0x100000001b3ull;
	return sum;
}

/* The bytes as they are now, without what the module that plants int3s would hide. */
static u64 checksum(void)
{
	unsigned long start = find_symbol("_stext"), end = find_symbol("_etext");
	u8 *image = start && end > start ? vmalloc(end - start) : NULL;
	u64 sum = 0xcbf29ce484222325ull;

	if (!image)
		return 0;
	memcpy(image, (void *)start, end - start);
	mask(image, start, end);
	sum = fnv(sum, image, end - start);
	vfree(image);
	return fnv(sum, (void *)specimen_leaf, (u8 *)specimen_oops - (u8 *)specimen_leaf);
}

/* --- what sealing costs here, for the benchmark --- */

static u64 specimen_seal_us; /* a MiB, as the stub seals it */

static int seal_one(void)
{
	static const u8 key[32] = "a key for nothing but this";
	u8 *record = vmalloc(RECORD_BYTES + 16);
	u64 start = rdtsc();
	unsigned int i;

	if (!record)
		return -ENOMEM;
	memset(record, 0x5a, RECORD_BYTES);
	for (i = 0; i < SZ_1M / RECORD_BYTES; i++)
		chacha20poly1305_seal(record, key, i, NULL, 0, record, RECORD_BYTES);
	specimen_seal_us = div_u64((rdtsc() - start) * 1000, tsc_khz);
	vfree(record);
	return 0;
}

/* --- /proc/specimen --- */

static int run(const char *word)
{
	if (!strcmp(word, "leaf"))
		specimen_step_one(1);
	else if (!strcmp(word, "long"))
		specimen_long_line(1);
	else if (!strcmp(word, "watch"))
		specimen_watch();
	else if (!strcmp(word, "insns"))
		specimen_insns();
	else if (!strcmp(word, "together"))
		on_each_cpu(specimen_together, NULL, 1);
	else if (!strcmp(word, "bug"))
		specimen_bug();
	else if (!strcmp(word, "oops"))
		specimen_oops();
	else if (!strcmp(word, "spin"))
		specimen_spin();
	else if (!strcmp(word, "seal"))
		return seal_one();
	else
		return -EINVAL;
	return 0;
}

static ssize_t specimen_write(struct file *file, const char __user *data, size_t len, loff_t *pos)
{
	char word[LINE_MAX];
	int err;

	if (len >= sizeof(word) || copy_from_user(word, data, len))
		return -EINVAL;
	word[len] = '\0';
	err = run(strim(word));
	return err ? err : len;
}

static ssize_t specimen_read(struct file *file, char __user *data, size_t len, loff_t *pos)
{
	char text[LINE_MAX];
	int n;

	if (*pos)
		return 0;
	n = scnprintf(text, sizeof(text), "%016llx %llu\n", checksum(), specimen_seal_us);
	return simple_read_from_buffer(data, len, pos, text, n);
}

static const struct proc_ops specimen_ops = {
	.proc_read = specimen_read,
	.proc_write = specimen_write,
};

static int __init specimen_init(void)
{
	int err = resolve();

	if (err)
		return err;
	return proc_create("specimen", 0600, NULL, &specimen_ops) ? 0 : -ENOMEM;
}

static void __exit specimen_exit(void)
{
	remove_proc_entry("specimen", NULL);
}

module_init(specimen_init);
module_exit(specimen_exit);
