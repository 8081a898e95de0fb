/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What gdb cannot ask for by packets: policy, counters, physical memory, translations. */
#include "host/target/monitor.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MONITOR_LINE_MAX = 256, /* of output */
	MONITOR_PHYS_DEFAULT = 64,
	MONITOR_PHYS_MAX = 4096,
	HEXDUMP_BYTES = 16, /* a line */
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

/* Takes a number, as C writes it, off the front of *args; false if none is there. */
static bool take_number(const char **args, uint64_t *ret)
{
	char *end;

	while (isspace((unsigned char)**args))
		(*args)++;
	if (!isdigit((unsigned char)**args))
		return false;
	errno = 0;
	*ret = strtoull(*args, &end, 0);
	if (errno || (*end && !isspace((unsigned char)*end)))
		return false;
	*args = end;
	return true;
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

	if (!take_number(&args, &addr)) {
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

static void hexdump_line(uint64_t addr, const uint8_t *data, size_t len, struct buf *out)
{
	size_t i;

	print(out, "0x%016" PRIx64 ":", addr);
	for (i = 0; i < HEXDUMP_BYTES; i++) {
		if (i < len)
			print(out, "%s%02x", i == HEXDUMP_BYTES / 2 ? "  " : " ", data[i]);
		else
			print(out, "%s  ", i == HEXDUMP_BYTES / 2 ? "  " : " ");
	}
	print(out, "  |");
	for (i = 0; i < len; i++)
		buf_put_char(out, (char)(isprint(data[i]) ? data[i] : '.'));
	print(out, "|\n");
}

static void show_phys(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	uint8_t data[MONITOR_PHYS_MAX];
	uint64_t addr, len;
	int n, at;

	if (!take_number(&args, &addr)) {
		print(out, "usage: monitor phys ADDRESS [LENGTH]   (decrypted)\n");
		return;
	}
	if (!take_number(&args, &len))
		len = MONITOR_PHYS_DEFAULT;
	if (len > MONITOR_PHYS_MAX)
		len = MONITOR_PHYS_MAX;
	n = memory_read(m, vcpu, TARGET_PHYS, addr, data, (size_t)len);
	if (n < 0)
		print_failure(m, n, out);
	for (at = 0; at < n; at += HEXDUMP_BYTES)
		hexdump_line(addr + (uint64_t)at, data + at,
			     n - at < HEXDUMP_BYTES ? (size_t)(n - at) : HEXDUMP_BYTES, out);
	if (n >= 0 && (uint64_t)n < len)
		print(out, "0x%" PRIx64 " is not RAM\n", addr + (uint64_t)n);
}

static void show_regions(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	uint64_t addr = 0;

	(void)take_number(&args, &addr);
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
	void (*run)(struct memory *m, unsigned int vcpu, const char *args, struct buf *out);
	const char *help;
} commands[] = {
	{ "help", show_help, "help                    this list" },
	{ "policy", show_policy, "policy                  the guest's launch policy, bit by bit" },
	{ "stats", show_stats, "stats                   PSP commands, page cache, bytes" },
	{ "translate", translate,
	  "translate ADDRESS       virtual to physical, private or shared" },
	{ "phys", show_phys, "phys ADDRESS [LENGTH]   decrypted guest physical memory" },
	{ "regions", show_regions, "regions [ADDRESS]       what is mapped, from ADDRESS on" },
};

static void show_help(struct memory *m, unsigned int vcpu, const char *args, struct buf *out)
{
	unsigned int i;

	(void)m;
	(void)vcpu;
	(void)args;
	for (i = 0; i < ARRAY_LEN(commands); i++)
		print(out, "monitor %s\n", commands[i].help);
}

int monitor_command(struct memory *m, unsigned int vcpu, const char *line, struct buf *out)
{
	size_t len;
	unsigned int i;

	while (isspace((unsigned char)*line))
		line++;
	len = strcspn(line, " \t");
	for (i = 0; i < ARRAY_LEN(commands); i++) {
		if (strlen(commands[i].name) != len || strncmp(line, commands[i].name, len) != 0)
			continue;
		commands[i].run(m, vcpu, line + len, out);
		return 0;
	}
	print(out, "no such command; these exist:\n");
	show_help(m, vcpu, "", out);
	return 0;
}
