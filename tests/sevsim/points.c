/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Lists of breakpoints; see accel/kvm/kvm-all.c and target/i386/kvm/kvm.c of QEMU 7.2. */
#include "points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { SW_MAX = 1024, HW_MAX = 4 };

struct sw {
	uint64_t addr;
	unsigned int uses;
	char byte[3]; /* what Z0 displaced, as hex */
	bool armed;   /* a breakpoint of software emulation stands there */
};

static struct sw sw[SW_MAX];
static char hw[HW_MAX][64]; /* the packet without its first letter */

static bool exchange_ok(const char *text)
{
	const char *reply = machine_gdb(text);

	return reply && !strcmp(reply, "OK");
}

static bool real(char op, const char *rest)
{
	char text[sizeof(hw[0]) + 1];

	snprintf(text, sizeof(text), "%c%.*s", op, (int)sizeof(hw[0]) - 1, rest);
	return exchange_ok(text);
}

/* --- software --- */

static struct sw *sw_find(uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < SW_MAX; i++)
		if (sw[i].uses && sw[i].addr == addr)
			return &sw[i];
	return NULL;
}

static bool read_byte(uint64_t addr, char byte[3])
{
	char text[32];
	const char *reply;

	snprintf(text, sizeof(text), "m%llx,1", (unsigned long long)addr);
	/* Always virtual, whatever the client's m means. */
	reply = machine_physical(false) ? NULL : machine_gdb(text);
	if (!reply || strlen(reply) != 2)
		return false;
	memcpy(byte, reply, 3);
	return true;
}

static bool write_byte(uint64_t addr, const char *byte)
{
	char text[48];

	snprintf(text, sizeof(text), "M%llx,1:%s", (unsigned long long)addr, byte);
	return !machine_physical(false) && exchange_ok(text);
}

static bool sw_insert(uint64_t addr)
{
	struct sw *s = sw_find(addr);
	unsigned int i;

	if (s) {
		s->uses++;
		return true;
	}
	for (i = 0; i < SW_MAX && sw[i].uses; i++)
		;
	if (i == SW_MAX || !gdb_proxy_walks())
		return false;
	s = &sw[i];
	if (!read_byte(addr, s->byte) || !write_byte(addr, "cc"))
		return false;
	s->addr = addr;
	s->uses = 1;
	return true;
}

static bool sw_remove(uint64_t addr)
{
	struct sw *s = sw_find(addr);
	char byte[3];

	if (!s)
		return false;
	if (s->uses > 1) {
		s->uses--;
		return true;
	}
	if (!gdb_proxy_walks() || !read_byte(addr, byte) || strcmp(byte, "cc") ||
	    !write_byte(addr, s->byte))
		return false;
	s->uses = 0;
	return true;
}

/* --- hardware --- */

static bool watch_shape(unsigned int type, uint64_t addr, unsigned int len)
{
	if (type == 1)
		return true;
	return (len == 1 || len == 2 || len == 4 || len == 8) && addr % len == 0;
}

static bool hw_insert(const char *rest)
{
	unsigned int i, free_slot = HW_MAX;

	for (i = 0; i < HW_MAX; i++) {
		if (!strcmp(hw[i], rest))
			return false;
		if (!hw[i][0])
			free_slot = i;
	}
	if (free_slot == HW_MAX || strlen(rest) >= sizeof(hw[0]) || !real('Z', rest))
		return false;
	strcpy(hw[free_slot], rest);
	return true;
}

static bool hw_remove(const char *rest)
{
	unsigned int i;

	for (i = 0; i < HW_MAX; i++) {
		if (strcmp(hw[i], rest))
			continue;
		hw[i][0] = '\0';
		return real('z', rest);
	}
	return false;
}

const char *points_request(const char *text)
{
	unsigned int type, len;
	unsigned long long addr;
	bool insert = text[0] == 'Z', good;

	if (sscanf(text + 1, "%x,%llx,%x", &type, &addr, &len) != 3)
		return "E22";
	if (type == 3 || type > 4)
		return "";
	if (type == 0)
		good = insert ? sw_insert(addr) : sw_remove(addr);
	else if (!watch_shape(type, addr, len))
		good = false;
	else
		good = insert ? hw_insert(text + 1) : hw_remove(text + 1);
	return good ? "OK" : "E22";
}

void points_clear(void)
{
	unsigned int i;

	for (i = 0; i < HW_MAX; i++) {
		if (hw[i][0])
			real('z', hw[i]);
		hw[i][0] = '\0';
	}
	memset(sw, 0, sizeof(sw));
}

/* --- around a run --- */

static bool is_int3(uint64_t addr)
{
	char byte[3];
	unsigned int cpu;
	bool found = false;

	/* Any vCPU's page tables may map it. */
	for (cpu = 0; cpu < sim.ncpus && !found; cpu++)
		found = !machine_select(cpu) && read_byte(addr, byte) && !strcmp(byte, "cc");
	return found;
}

void points_arm(void)
{
	char rest[40];
	unsigned int i;

	for (i = 0; i < SW_MAX; i++) {
		if (!sw[i].uses || !is_int3(sw[i].addr))
			continue;
		snprintf(rest, sizeof(rest), "0,%llx,1", (unsigned long long)sw[i].addr);
		sw[i].armed = real('Z', rest);
	}
}

void points_disarm(void)
{
	char rest[40];
	unsigned int i;

	for (i = 0; i < SW_MAX; i++) {
		if (!sw[i].armed)
			continue;
		snprintf(rest, sizeof(rest), "0,%llx,1", (unsigned long long)sw[i].addr);
		real('z', rest);
		sw[i].armed = false;
	}
}
