/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A vmcore that somebody wrote, opened for reading: ELF or kdump-compressed, plain or sealed, ours
 * or QEMU's or makedumpfile's. The file is hostile: every count and offset is checked against the
 * file's size before it is used, nothing is allocated on its word.
 */
#ifndef HOST_DUMP_CORE_H
#define HOST_DUMP_CORE_H

#include "host/dump/input.h"
#include "protocol/dump_note.h"
#include "protocol/target.h"

enum { CORE_RANGES_MAX = 4096 };

enum core_format { CORE_ELF, CORE_KDUMP };

struct core_segment {		/* a PT_LOAD, or a run of pages of a kdump file */
	uint64_t gpa;		/* UINT64_MAX: virtual only */
	uint64_t gva;		/* 0: not told */
	uint64_t bytes, stored; /* stored below bytes: zeros follow */
	uint64_t offset;	/* ELF only */
};

struct core {
	enum core_format format;
	struct input *input;
	unsigned int nsegments;
	struct core_segment *segment; /* ascending gpa, virtual ones last */
	unsigned int vcpus;
	struct x86_64_regs *regs; /* one a vCPU; those of the QEMU note where there is one */
	char *vmcoreinfo;	  /* text, NUL-terminated; NULL: none */
	size_t vmcoreinfo_len;
	unsigned int nmissing;
	struct dump_note_run *missing; /* of our own note */
	void *private;		       /* of the format */
};

int core_open(struct input *input, struct core **ret, struct err *err) MUST_USE; /* owns @input */
void core_close(struct core *core);

/* One page of physical memory: as struct target_ram_ops.read, for one. */
int core_page(struct core *core, uint64_t gpa, void *ret, uint8_t *state, struct err *err) MUST_USE;

#endif
