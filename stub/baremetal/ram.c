/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Physical memory, as far as the loader says that it is RAM (PVH's start_info with a memory map:
 * Xen xen/include/public/arch-x86/hvm/start_info.h) and the page tables reach; and where code may
 * be changed. Everything else is refused: it may be a device.
 */
#include "protocol/status.h"
#include "stub/baremetal/machine.h"

enum {
	START_MAGIC = 0x336ec578,
	MAP_RAM = 1,
	RANGES = 16,
};

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t modules_pa, command_line_pa, rsdp_pa, map_pa;
	uint32_t map_entries, reserved;
};
static_assert(sizeof(struct start_info) == 56, "hvm_start_info version 1");

struct map_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};
static_assert(sizeof(struct map_entry) == 24, "hvm_memmap_table_entry");

static struct {
	uint64_t start, end;
} ranges[RANGES];

static void *direct(uint64_t gpa)
{
	return (void *)(DIRECT_VA + gpa);
}

void ram_init(uint64_t start_info)
{
	const struct start_info *info = direct(start_info);
	const struct map_entry *map = direct(info->map_pa);
	uint32_t i, n = 0;

	if (info->magic != START_MAGIC || info->version < 1)
		return; /* nothing is known to be RAM */
	for (i = 0; i < info->map_entries && n < RANGES; i++) {
		if (map[i].type != MAP_RAM || map[i].addr >= RAM_MAPPED)
			continue;
		ranges[n].start = map[i].addr;
		ranges[n].end = map[i].addr + map[i].size;
		if (ranges[n].end > RAM_MAPPED)
			ranges[n].end = RAM_MAPPED;
		n++;
	}
}

static bool is_ram(uint64_t gpa, size_t len)
{
	unsigned int i;

	for (i = 0; i < RANGES; i++)
		if (gpa >= ranges[i].start && gpa < ranges[i].end && len <= ranges[i].end - gpa)
			return true;
	return false;
}

int ram_read(struct port *p, uint64_t gpa, void *buf, size_t len)
{
	(void)p;
	if (!is_ram(gpa, len))
		return ST_FAULT;
	memcpy(buf, direct(gpa), len);
	return 0;
}

int ram_write(struct port *p, uint64_t gpa, const void *buf, size_t len)
{
	(void)p;
	if (!is_ram(gpa, len))
		return ST_FAULT;
	memcpy(direct(gpa), buf, len);
	return 0;
}

int text_check(struct port *p, uint64_t addr, const char **why)
{
	(void)p;
	if (addr < (uintptr_t)stub_text || addr >= (uintptr_t)stub_text_end)
		return 0;
	*why = "the stub's own code";
	return ST_POLICY;
}
