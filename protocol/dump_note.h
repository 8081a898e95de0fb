/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The ELF notes of a vmcore, as crash, drgn, gdb, makedumpfile and libkdumpfile want them
 * (elf_prstatus of Linux include/linux/elfcore.h; QEMU target/i386/arch_dump.c; Linux
 * kernel/vmcore_info.c). Names and descriptors are padded to 4 bytes. Pure; used by the host and by
 * the stub's panic dump. Order in a file: all PRSTATUS, all QEMU, VMCOREINFO, ours.
 *
 * Our own note, name "CVMDBG", says which pages are not in the file and why: struct
 * dump_note_run, ascending, one for each run of pages with the same reason.
 */
#ifndef PROTOCOL_DUMP_NOTE_H
#define PROTOCOL_DUMP_NOTE_H

#include "buf.h"
#include "x86_64.h"

#define DUMP_NOTE_NAME "CVMDBG"

enum {
	DUMP_NOTE_PRSTATUS_BYTES = 20 + 336,
	DUMP_NOTE_QEMU_BYTES = 20 + 440,
	DUMP_NOTE_HEADER_MAX = 12 + 12, /* of a VMCOREINFO or CVMDBG note */
};

enum dump_note_type {
	DUMP_NOTE_MISSING = 1, /* struct dump_note_run[] */
	DUMP_NOTE_ADDED = 2,   /* text: the lines that the writer appended to VMCOREINFO */
};

/* Why pages are not in a file. */
enum dump_note_reason {
	DUMP_NOTE_ZERO = 1, /* excluded: all bytes were zero */
	DUMP_NOTE_CACHE,    /* excluded: page cache without private data */
	DUMP_NOTE_PRIVATE,  /* excluded: page cache with private data */
	DUMP_NOTE_USER,
	DUMP_NOTE_FREE,
	DUMP_NOTE_UNREADABLE, /* could not be read or decrypted: `status` */
	DUMP_NOTE_DENIED,     /* the policy forbids it */
	DUMP_NOTE_UNTOLD,     /* the list was cut here: this and all above are not accounted for */
};

struct dump_note_run {
	uint64_t gpa;
	uint32_t pages;
	uint16_t reason; /* enum dump_note_reason */
	uint16_t status; /* -enum status of DUMP_NOTE_UNREADABLE, else 0 */
};

static_assert(sizeof(struct dump_note_run) == 16, "dump_note_run");

/* NT_PRSTATUS with pr_pid = @cpu + 1; registers that are not valid are zero. */
void dump_note_prstatus(struct buf *b, unsigned int cpu, const struct x86_64_regs *regs);

/* QEMUCPUState: @regs with CR3 free of the C-bit, @cmask. */
void dump_note_qemu(struct buf *b, const struct x86_64_regs *regs, uint64_t cmask);

/* Any other note: header, name, @desc padded. */
void dump_note_put(struct buf *b, const char *name, uint32_t type, const void *desc, size_t len);

struct dump_note {
	const char *name; /* not NUL-terminated when hostile: compare name_len bytes */
	uint32_t name_len, type;
	const uint8_t *desc;
	size_t len;
};

/* The note at *@at of hostile @notes, and *@at behind it. 0: no more; ST_SYNTAX: damaged. */
int dump_note_next(const uint8_t *notes, size_t len, size_t *at, struct dump_note *ret) MUST_USE;

#endif
