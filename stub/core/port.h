/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the in-guest stub needs from its environment: the third of the project's vtables. The core
 * (stub.h) is the same in a Linux module, in firmware and in a test process; whatever differs is
 * here.
 *
 * To port the stub (docs/porting.md goes through it with an example):
 *  1. fill in struct port_ops; groups of functions that the environment lacks stay NULL where it
 *     says so;
 *  2. call stub_trap from the handlers of #BP, #DB and NMI, on the CPU that trapped, with the
 *     interrupted registers; put the registers back that it leaves;
 *  3. call stub_poll now and then while the machine runs, and when an NMI comes that nobody knows;
 *  4. never let any of the functions below fault, sleep or take a lock that interrupted code may
 *     hold: everything but hw_reserve/hw_release runs in trap handlers.
 */
#ifndef STUB_CORE_PORT_H
#define STUB_CORE_PORT_H

#include "protocol/target.h"

struct port;

/* A hardware point as the core wants it on every CPU. */
struct port_hw {
	bool used;
	enum target_point type; /* not TARGET_POINT_SW */
	uint64_t addr;
	unsigned int len; /* 1, 2, 4, 8; aligned */
};

struct port_ops {
	/* --- the link to the debugger; hostile bytes, never waits --- */
	/*
	 * The number of the current session, 0: nobody is there. A number that changes means that
	 * the old session has ended. Transports without sessions say 1 from the first byte on.
	 */
	uint32_t (*session)(struct port *p);
	size_t (*recv)(struct port *p, void *buf, size_t len);
	size_t (*send)(struct port *p, const void *buf, size_t len);
	/* Changes while the other side lives, even when it says nothing (ring beats, keep-alives).
	 */
	uint32_t (*beat)(struct port *p);
	/* The core has ended the session itself: idle, or the debugger has detached. */
	void (*hang_up)(struct port *p);

	/*
	 * 32 random bytes that nobody else gets, for a sealed link; false: none left for the
	 * moment. NULL: no sealed links here.
	 */
	bool (*random)(struct port *p, uint8_t *ret);

	/* --- time --- */
	uint64_t (*now_ms)(struct port *p); /* monotonic */
	void (*relax)(struct port *p);	    /* inside waiting loops: PAUSE */

	/* --- CPUs: numbers below count, online or not --- */
	unsigned int (*cpu_count)(struct port *p);
	bool (*cpu_online)(struct port *p, unsigned int cpu);
	int (*cpu_name)(struct port *p, unsigned int cpu, char *buf, size_t size);
	/* Sends an NMI to @cpu, whose handler calls stub_trap with STUB_ROUND_UP. */
	void (*kick)(struct port *p, unsigned int cpu);
	/* Before a CPU goes on: instructions that others wrote become visible to it. */
	void (*sync_core)(struct port *p);
	/* The machine is stopped, is about to run: watchdogs, logs. On the CPU that decides. */
	void (*stopped)(struct port *p);
	void (*resuming)(struct port *p);
	/* Each CPU, last thing before it goes on; @hw_changed: load hw points (see hw_set). */
	void (*leaving)(struct port *p, unsigned int cpu);

	/* --- guest memory, by guest physical address, within one page --- */
	/* 0, or ST_FAULT for what is not accepted RAM: device memory is never touched. */
	int (*phys_read)(struct port *p, uint64_t gpa, void *buf, size_t len);
	int (*phys_write)(struct port *p, uint64_t gpa, const void *buf, size_t len);

	/* --- breakpoints --- */
	/*
	 * Whether an int3 may stand at @addr, which is executable: 0, or ST_POLICY with a reason in
	 * *why (static text) for code that the stub or the trap paths need, and for patch sites.
	 */
	int (*text_check)(struct port *p, uint64_t addr, const char **why);
	/*
	 * NULL: no hardware points here, hw_why says why. Sets slot @slot for all CPUs; takes
	 * effect at the latest when they leave. ST_NOSPC: the slot is somebody else's.
	 */
	int (*hw_set)(struct port *p, unsigned int slot, const struct port_hw *hw);
	const char *(*hw_why)(struct port *p);

	/* --- words --- */
	/* `monitor` lines that the core does not know: true when the port did. May be NULL. */
	bool (*monitor)(struct port *p, unsigned int cpu, const char *line, struct buf *out);
	/* One line for the guest's log: attach, detach, refusals. May defer it. */
	void (*log)(struct port *p, const char *text);
};

struct port {
	const struct port_ops *ops;
};

#endif
