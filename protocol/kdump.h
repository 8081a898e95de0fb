/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The layout of kdump-compressed files, version 6 (makedumpfile's IMPLEMENTATION and
 * diskdump_mod.h), little endian, 64-bit: what the host's writer and reader and the stub's panic
 * dump agree on. Pure: it knows neither where pages come from nor where bytes go.
 *
 *   block 0                      struct kdump_header
 *   blocks 1 to sub_hdr_size     struct kdump_sub_header, then the ELF notes
 *   then                         bitmap of pages that exist, bitmap of pages that are in the file,
 *                                each a whole number of blocks
 *   then                         struct kdump_page for each bit of the second, ascending
 *   then                         pages, at the offsets that their descriptors say
 */
#ifndef PROTOCOL_KDUMP_H
#define PROTOCOL_KDUMP_H

#include "limits.h"
#include "status.h"

#define KDUMP_SIGNATURE "KDUMP   "

enum {
	KDUMP_VERSION = 6,
	KDUMP_UTSNAME = 65, /* bytes of each of the six names */
};

/* Of a page's data; `status` of the main header has those that occur, and KDUMP_INCOMPLETE. */
enum kdump_flags {
	KDUMP_RAW = 0,
	KDUMP_ZLIB = 0x1,
	KDUMP_LZO = 0x2,
	KDUMP_SNAPPY = 0x4,
	KDUMP_INCOMPLETE = 0x8,
	KDUMP_ZSTD = 0x20,
};

struct kdump_header {
	char signature[8];
	int32_t version;
	char utsname[6][KDUMP_UTSNAME]; /* sysname nodename release version machine domainname */
	char pad[6];
	uint64_t seconds, microseconds;
	uint32_t status;
	int32_t block_size;
	int32_t sub_hdr_size;	/* blocks */
	uint32_t bitmap_blocks; /* both bitmaps */
	uint32_t max_mapnr;	/* cut to 32 bits */
	uint32_t total_ram_blocks, device_blocks, written_blocks;
	uint32_t current_cpu;
	int32_t nr_cpus;
};

static_assert(offsetof(struct kdump_header, seconds) == 408, "kdump_header");
static_assert(sizeof(struct kdump_header) == 464, "kdump_header");

struct kdump_sub_header {
	uint64_t phys_base;
	int32_t dump_level, split;
	uint64_t start_pfn, end_pfn;
	uint64_t offset_vmcoreinfo, size_vmcoreinfo; /* the text, inside the notes */
	uint64_t offset_note, size_note;
	uint64_t offset_eraseinfo, size_eraseinfo;
	uint64_t start_pfn_64, end_pfn_64;
	uint64_t max_mapnr_64;
};

static_assert(sizeof(struct kdump_sub_header) == 104, "kdump_sub_header");

struct kdump_page {
	uint64_t offset;
	uint32_t size, flags;
	uint64_t page_flags;
};

static_assert(sizeof(struct kdump_page) == 24, "kdump_page");

/* Where the parts of a file are, in bytes from its start. */
struct kdump_layout {
	uint64_t notes, bitmap1, bitmap2, pages, data;
	uint32_t sub_blocks, bitmap_blocks;
};

/* For @notes bytes of notes, pages below @max_pfn, @stored of them in the file. */
void kdump_layout(struct kdump_layout *ret, uint64_t notes, uint64_t max_pfn, uint64_t stored);

#endif
