/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The seam between the RSP server and whatever is debugged. A target offers groups of operations;
 * a group is NULL (absent) or complete. What the server announces in qSupported, which packets it
 * answers and the support matrix in docs/ all derive from which groups are there.
 *
 * To add a back end:
 *  1. host/target/NAME.c with a struct that embeds struct target, and one const struct target_ops
 *     (stub/core/ for one inside the guest);
 *  2. target_NAME_create()/_destroy() in its header; nothing else of it is public;
 *  3. a row in host/target/registry.c that says when it is the right one;
 *  4. a row in tests/conformance/backends.c, so that the whole suite runs on it.
 *
 * Rules for every operation: it returns 0 or a count, or a negative enum status; it writes results
 * only on success; vcpu is below vcpus->count(); it is only called while the target is stopped
 * unless it says otherwise; it never trusts what the guest's memory holds.
 */
#ifndef PROTOCOL_TARGET_H
#define PROTOCOL_TARGET_H

#include "limits.h"
#include "status.h"
#include "x86_64.h"

struct buf;
struct target;

enum target_space {
	TARGET_VIRT, /* guest virtual, through the page tables of the given vCPU */
	TARGET_PHYS, /* guest physical, without C-bit */
};

/* A run of addresses with the same properties, for qMemoryRegionInfo and `monitor regions`. */
struct target_region {
	uint64_t start;
	uint64_t last; /* inclusive, so that the top of the address space has a name */
	bool mapped, write, exec, user;
	bool encrypted; /* private to the guest */
};

struct target_mem_ops {
	/*
	 * Reads up to @len bytes. Returns how many were read: fewer than @len when a byte after the
	 * first cannot be read (exact: the count ends at that byte), or ST_FAULT when the
	 * first cannot. Other codes: the read failed for a reason worth telling (ST_IO, ST_POLICY).
	 */
	int (*read)(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		    void *buf, size_t len);
	/* Describes the region of virtual memory that holds @addr; never fails for "unmapped". */
	int (*region)(struct target *t, unsigned int vcpu, uint64_t addr,
		      struct target_region *ret);
};

struct target_memw_ops {
	/* Writes all @len bytes or, when any byte cannot be written, none: ST_FAULT. */
	int (*write)(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		     const void *buf, size_t len);
};

struct target_regs_ops {
	/* Fills the registers it knows and leaves the others invalid. */
	int (*read)(struct target *t, unsigned int vcpu, struct x86_64_regs *ret);
};

struct target_regsw_ops {
	/* @raw: x86_64_regs_desc[reg].bytes bytes. ST_UNSUPPORTED for a register it cannot set. */
	int (*write)(struct target *t, unsigned int vcpu, enum x86_64_reg reg, const uint8_t *raw);
};

enum target_action { TARGET_HOLD, TARGET_CONT, TARGET_STEP };

struct target_resume {
	const enum target_action *actions; /* one a vCPU */
	unsigned int count;
	/*
	 * The vCPU that steps may go on while its pc is in [start, end), end 0: one instruction. A
	 * target that stops after each is right too; one behind a slow link should not.
	 */
	uint64_t range_start, range_end;
};

enum target_stop_kind {
	TARGET_STOP_SIGNAL, /* signal says which: SIGINT for an interrupt or the first stop */
	TARGET_STOP_STEP,
	TARGET_STOP_SWBREAK,
	TARGET_STOP_HWBREAK,
	TARGET_STOP_WATCH_WRITE, /* addr: the data address */
	TARGET_STOP_WATCH_READ,
	TARGET_STOP_WATCH_ACCESS,
	TARGET_STOP_GONE, /* the VM has ended; no operation but detach is legal any more */
};

/* gdb's signal numbers (include/gdb/signals.def) that a machine needs. */
enum target_signal {
	TARGET_SIGINT = 2,
	TARGET_SIGILL = 4,
	TARGET_SIGTRAP = 5,
	TARGET_SIGABRT = 6,
	TARGET_SIGSEGV = 11,
};

struct target_stop {
	enum target_stop_kind kind;
	enum target_signal signal;
	unsigned int vcpu;
	uint64_t addr;
	/* What happened, for the user, or NULL; lives until the target runs again. */
	const char *text;
};

struct target_run_ops {
	/* Starts the vCPUs. Returns at once; poll tells of the stop. */
	int (*resume)(struct target *t, const struct target_resume *how);
	/* Asks a running target to stop soon; harmless when it is stopped already. */
	int (*interrupt)(struct target *t);
	/* 1: stopped, *ret says why. 0: still running. Never waits. Legal while running. */
	int (*poll)(struct target *t, struct target_stop *ret);
	/*
	 * Ends the session, running or stopped: removes every point, restores every byte, lets the
	 * guest run (@resume) or leaves it as it was found before the session (!@resume).
	 */
	int (*detach)(struct target *t, bool resume);
};

/* Numbered as in the Z packets. */
enum target_point {
	TARGET_POINT_SW,
	TARGET_POINT_HW,
	TARGET_POINT_WATCH_WRITE,
	TARGET_POINT_WATCH_READ,
	TARGET_POINT_WATCH_ACCESS,
	TARGET_POINTS,
};

struct target_points_ops {
	/*
	 * Inserting twice is success. ST_UNSUPPORTED: this kind never works here (the server then
	 * tells the client not to ask again); ST_NOSPC: no slot left; ST_POLICY: forbidden.
	 */
	int (*insert)(struct target *t, enum target_point type, uint64_t addr, unsigned int len);
	int (*remove)(struct target *t, enum target_point type, uint64_t addr, unsigned int len);
};

struct target_vcpus_ops {
	/* 1 to VCPUS_MAX. Legal while running. */
	unsigned int (*count)(struct target *t);
	/* NUL-terminated text such as "CPU#0 [halted]"; truncated to @size. */
	int (*name)(struct target *t, unsigned int vcpu, char *buf, size_t size);
};

struct target_monitor_ops {
	/*
	 * Runs one `monitor` line (NUL-terminated) and appends text to @out. An unknown command is
	 * text, not an error (the gdb manual's rule for qRcmd).
	 */
	int (*command)(struct target *t, unsigned int vcpu, const char *line, struct buf *out);
};

/* A run of guest physical addresses that is RAM. */
struct target_ram_range {
	uint64_t gpa, bytes;	 /* whole pages */
	char name[RSP_NAME_MAX]; /* who owns it, such as QEMU's block; may be empty */
};

enum target_page {
	TARGET_PAGE_PRIVATE,  /* was encrypted */
	TARGET_PAGE_SHARED,   /* clear for the host */
	TARGET_PAGE_PLAIN,    /* of a machine without encryption, or not known which of the two */
	TARGET_PAGE_MISSING,  /* could not be read or decrypted */
	TARGET_PAGE_DENIED,   /* the policy forbids it */
	TARGET_PAGE_EXCLUDED, /* in a dump: whoever wrote it left it out */
};

/* Physical memory by whole pages, for dumps and page maps. */
struct target_ram_ops {
	/* Ascending, apart from each other. Returns how many, @max at most; legal while running. */
	int (*ranges)(struct target *t, struct target_ram_range *ret, unsigned int max);
	/*
	 * Reads @count pages from @gpa, all inside one range, into @buf; @state[i], an enum
	 * target_page, says what page i was. One that was not read is zeros. Fails (ST_GONE, ST_IO)
	 * only when going on is no use. Legal while running, then without a promise of coherence.
	 */
	int (*read)(struct target *t, uint64_t gpa, unsigned int count, void *buf, uint8_t *state);
};

struct target_ops {
	const char *name;
	const struct target_mem_ops *mem;     /* required */
	const struct target_vcpus_ops *vcpus; /* required */
	const struct target_run_ops *run;     /* required */
	const struct target_memw_ops *memw;
	const struct target_regs_ops *regs;
	const struct target_regsw_ops *regsw;
	const struct target_points_ops *points;
	const struct target_monitor_ops *monitor;
	const struct target_ram_ops *ram;
};

struct target {
	const struct target_ops *ops;
	/*
	 * Run-time address of the kernel image's first segment (what is linked at text_link), 0
	 * while unknown: qOffsets' TextSeg and LLDB's main-binary-slide come from it.
	 */
	uint64_t text_seg;
	uint64_t text_link;
	unsigned int va_bits; /* 48, or 57 with five-level paging */
	bool avx;	      /* has ymm0h-ymm15h, which are not described otherwise */
	/*
	 * What the session may do (enum rsp_right), set by the server for each `monitor` command:
	 * one that shows registers or memory takes more than the right to monitor.
	 */
	unsigned int rights;
	/* Text of the last failure, for E.text replies and logs; NUL-terminated, may be empty. */
	const char *(*explain)(struct target *t);
};

#endif
