/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What gdb cannot ask for by packets: policy, counters, physical memory, translations. */
#include "host/target/monitor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocol/monitor.h"
#include "protocol/rsp_server.h"

enum {
	MONITOR_LINE_MAX = 256, /* of output */
};

static void print(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void print(struct buf *out, const char *fmt, ...)
{
	char text[MONITOR_LINE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_put_text(out, text);
}

static void print_failure(struct memory *m, int status, struct buf *out)
{
	print(out, "%s\n", m->err.text[0] ? m->err.text : status_text(status));
}

/* --- commands --- */

static void show_policy(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	const struct sev_policy_bit *bits;
	uint64_t policy = psp_policy(m->psp);
	size_t i, count;

	(void)vcpu;
	(void)args;
	bits = sev_policy_bits(m->vm->type, &count);
	print(out, "%s guest, launch policy 0x%" PRIx64 "\n", sev_type_name(m->vm->type), policy);
	for (i = 0; i < count; i++) {
		bool set = policy >> bits[i].bit & 1;

		print(out, "  bit %-2u %-12s %u  %s\n", bits[i].bit, bits[i].name, set,
		      set ? bits[i].set : bits[i].clear);
	}
}

static void show_stats(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	const struct psp_stats *psp = psp_stats(m->psp);
	const struct pages_stats *pages = pages_stats(m->pages);

	(void)vcpu;
	(void)args;
	print(out, "route            %s\n", psp_route_name(psp_route(m->psp)));
	print(out,
	      "PSP commands     %" PRIu64 " (%" PRIu64 " decrypt, %" PRIu64 " encrypt, %" PRIu64
	      " failed) in %" PRIu64 " requests\n",
	      psp->decrypt_pages + psp->encrypt_pages, psp->decrypt_pages, psp->encrypt_pages,
	      psp->failures, psp->requests);
	print(out, "bytes            %" PRIu64 " decrypted, %" PRIu64 " encrypted\n",
	      psp->decrypt_pages * PAGE_BYTES, psp->encrypt_pages * PAGE_BYTES);
	print(out, "page cache       %" PRIu64 " hits, %" PRIu64 " misses\n", pages->hits,
	      pages->misses);
}

static void translate(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	struct paging_leaf leaf;
	uint64_t addr;
	int status;

	if (!monitor_number(&args, &addr)) {
		print(out, "usage: monitor translate ADDRESS\n");
		return;
	}
	status = memory_translate(m, vcpu, GVA(addr), &leaf);
	if (status) {
		print_failure(m, status, out);
		return;
	}
	print(out, "0x%" PRIx64 " -> physical 0x%" PRIx64 ", %s, %" PRIu64 " KiB page, r%c%c%s%s\n",
	      addr, leaf.gpa.v, leaf.encrypted ? "private" : "shared", leaf.bytes / 1024,
	      leaf.write ? 'w' : '-', leaf.exec ? 'x' : '-', leaf.user ? ", user" : "",
	      vm_range_find(m->vm, leaf.gpa) ? "" : ", not RAM");
}

static void show_regions(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	uint64_t addr = 0;

	(void)monitor_number(&args, &addr);
	while (buf_left(out) > 2 * MONITOR_LINE_MAX) {
		struct target_region r;
		int status = memory_region(m, vcpu, addr, &r);

		if (status) {
			print_failure(m, status, out);
			return;
		}
		if (r.mapped)
			print(out, "0x%016" PRIx64 "-0x%016" PRIx64 " r%c%c%c %s\n", r.start,
			      r.last, r.write ? 'w' : '-', r.exec ? 'x' : '-', r.user ? 'u' : '-',
			      r.encrypted ? "private" : "shared");
		if (r.last == UINT64_MAX || r.last < addr)
			return;
		addr = r.last + 1;
	}
	print(out, "more: monitor regions 0x%" PRIx64 "\n", addr);
}

static void show_help(struct memory *m, unsigned int vcpu, const char *args, struct buf *out);

static const struct monitor_row {
	const char *name;
	bool reads; /* takes the right to read memory */
	void (*run)(struct memory *m, unsigned int vcpu, const char *args, struct buf *out);
	const char *help;
} commands[] = {
	{ "help", false, show_help, "help                    this list" },
	{ "policy", false, show_policy,
	  "policy                  the guest's launch policy, bit by bit" },
	{ "stats", false, show_stats, "stats                   PSP commands, page cache, bytes" },
	{ "translate", true, translate,
	  "translate ADDRESS       virtual to physical, private or shared" },
	{ "regions", true, show_regions,
	  "regions [ADDRESS]       what is mapped, from ADDRESS on" },
};

static void show_help(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	unsigned int i;

	(void)m;
	(void)vcpu;
	(void)args;
	for (i = 0; i < ARRAY_LEN(commands); i++)
		print(out, "monitor %s\n", commands[i].help);
	print(out, "monitor phys ADDRESS [LENGTH]   decrypted guest physical memory\n");
}

int monitor_command(struct target *t, struct memory *m, unsigned int vcpu, const char *line,
		    struct buf *out)
{
	unsigned int i;

	if (monitor_word(&line, "phys")) {
		monitor_phys(t, vcpu, line, out);
		return 0;
	}
	for (i = 0; i < ARRAY_LEN(commands); i++) {
		if (!monitor_word(&line, commands[i].name))
			continue;
		if (!commands[i].reads || monitor_may(t, RSP_RIGHT_READ_MEM, out))
			commands[i].run(m, vcpu, line, out);
		return 0;
	}
	print(out, "no such command; these exist:\n");
	show_help(m, vcpu, "", out);
	return 0;
}
