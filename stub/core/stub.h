/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The in-guest stub: an RSP session on behalf of the machine it runs on. Freestanding; the
 * environment is behind struct port (port.h). No allocation, no globals: the caller gives the
 * memory.
 *
 * One CPU at a time owns the stub: the one that stopped the machine, or that is stepping. It
 * serves the debugger inside its trap handler; all others wait in theirs, each with its
 * registers in struct stub_cpu. CPUs that do not come when called are named, not waited for.
 */
#ifndef STUB_CORE_STUB_H
#define STUB_CORE_STUB_H

#include "protocol/deny.h"
#include "protocol/link.h"
#include "protocol/rsp_server.h"
#include "stub/core/port.h"

enum stub_limits {
	STUB_PACKET_BYTES = 0x10000 + 64, /* PacketSize of the stub's server */
	STUB_POINTS_MAX = 256,		  /* int3s at a time */
	STUB_ROUND_UP_MS = 1000,	  /* how long CPUs may take to answer an NMI */
	STUB_STEP_MS = 100, /* then the others run: the instruction may be waiting for one */
	STUB_WHY_BYTES = 160,
	STUB_GREETING_MS = 10000, /* how long a handshake may take */
	STUB_INPUT_BYTES = 4096,
};

/* Why a CPU comes into the stub. */
enum stub_cause {
	STUB_INT3,     /* #BP; rip is behind the int3 */
	STUB_DEBUG,    /* #DB with DR6.BS */
	STUB_HW_POINT, /* a hardware point hit: trap.slot */
	STUB_ROUND_UP, /* NMI sent by kick */
	STUB_BREAK,    /* the debugger asked: what stub_poll wanted */
	STUB_FATAL,    /* oops, panic: trap.signal and trap.text say which */
};

struct stub_trap {
	enum stub_cause cause;
	unsigned int slot;
	enum target_signal signal;
	const char *text; /* lives until the CPU returns */
};

enum stub_verdict {
	STUB_NOT_MINE, /* the environment's own: nothing was changed */
	STUB_MINE,     /* go on with the registers as they are now */
};

/*
 * A CPU goes in by itself (waits), is kept by an owner that counts on it, is let out by the owner,
 * and may be kept again until it is out. While it only waits and there is no owner it goes by
 * itself.
 */
enum stub_presence { STUB_OUT, STUB_WAITS, STUB_KEPT, STUB_LET_OUT };

struct stub_cpu {
	struct x86_64_regs *regs;  /* the interrupted ones, while held */
	uint32_t presence;	   /* enum stub_presence, atomic */
	bool missing;		   /* did not answer the last round-up */
	enum target_action action; /* atomic */
};

struct stub_point {
	bool used;  /* wanted by the debugger */
	bool ghost; /* was there a moment ago: a CPU may still arrive from it */
	uint8_t byte;
	uint8_t skip; /* planted so many bytes behind addr: see breaks.c */
	uint64_t addr;
	uint64_t gpa; /* of the planted byte */
};

/* A step in progress (step.c). */
struct stub_step {
	bool active;
	unsigned int cpu;
	bool planted; /* a temporary int3 at `next` instead of TF */
	uint8_t byte;
	uint64_t next, next_gpa;
	uint64_t from;	  /* rip before */
	uint64_t started; /* now_ms */
	bool had_if;
	uint8_t kind; /* enum insn_kind of what is stepped */
};

/* What makes the stub one end of a sealed link; see struct link_config. */
struct stub_seal {
	const struct noise_crypto *crypto;
	uint8_t secret[NOISE_KEY], public[NOISE_KEY], policy_hash[NOISE_KEY];
};

struct stub_config {
	const struct policy *policy;  /* the guest's owner's will */
	const struct stub_seal *seal; /* with `channel sealed`, else NULL */
	unsigned int fatal_wait_ms;   /* how long an oops waits for a debugger; 0: for ever */
	bool avx;		      /* the port supplies ymm0h-ymm15h */
	unsigned int cbit;	      /* position of the C-bit in page tables, 0: none */
	uint64_t text_seg, text_link; /* see struct target */
};

struct stub {
	struct target target; /* local.c */
	struct port *port;
	struct stub_config config;
	struct rsp_server server;
	uint64_t refusals; /* requests of this session that were told or counted */
	uint32_t owner;	   /* who owns the stub: enum stub_owner; 0: nobody, the machine runs */
	uint32_t session;  /* being served; 0: none */
	uint32_t ended;	   /* number of the session that we ended last */
	uint32_t greeted;  /* number of the session that `link` is for */
	uint64_t greeted_ms;
	struct link link; /* of a sealed session */
	struct link_config link_config;
	void *link_mem;
	const void *evidence; /* stub_set_evidence */
	size_t evidence_len;
	struct deny deny;
	uint32_t beat;
	uint64_t beat_ms;  /* when it changed last */
	bool break_wanted; /* the debugger has interrupted the running machine */
	bool stop_pending; /* `stop` is news for the server */
	bool resumed;	   /* the server has resumed the machine; cpu[].action say how */
	struct target_stop stop;
	struct stub_cpu *cpu;
	unsigned int cpus;
	struct stub_step step;
	struct stub_point point[STUB_POINTS_MAX];
	unsigned int points; /* slots that have been in use, from the first on */
	bool lifted;	     /* a point is gone that nobody took out: stub_lift */
	struct port_hw hw[TARGET_HW_POINTS];
	char why[STUB_WHY_BYTES];
	size_t in_len;
	uint8_t in[STUB_INPUT_BYTES];
	void *server_mem;
};

/* Bytes of memory that stub_init needs for @cpus CPUs; @sealed: with config->seal. */
size_t stub_memory(unsigned int cpus, bool sealed);

/*
 * @mem: stub_memory() zeroed bytes, 8-byte aligned. They and what @config points to live as long as
 * the stub.
 */
void stub_init(struct stub *s, struct port *port, const struct stub_config *config, void *mem);

/*
 * The CPU's trap: may stay for as long as the debugger looks around. Called with interrupts off.
 * @regs: the interrupted registers; changed by the debugger when the verdict is STUB_MINE.
 */
enum stub_verdict stub_trap(struct stub *s, unsigned int cpu, const struct stub_trap *trap,
			    struct x86_64_regs *regs) MUST_USE;

/*
 * For int3s that a CPU runs into while it is inside stub_trap or stub_poll already, in code that
 * the port calls: takes the int3 at @pc out for good, so that the instruction can be run again.
 * False: it is none of ours. Any CPU may come, whoever owns the stub; phys_write must stand that.
 */
bool stub_lift(struct stub *s, uint64_t pc) MUST_USE;

/*
 * While the machine runs, with interrupts off: looks at the link. True: the debugger wants the
 * machine; the caller lets some CPU trap with STUB_BREAK.
 */
bool stub_poll(struct stub *s) MUST_USE;

/*
 * What sealed links show to debuggers from now on, so that they know whom they talk to: @len bytes,
 * LINK_EVIDENCE_MAX at most, that live until it is called again and has returned true. False:
 * somebody is just being greeted. Not for handlers.
 */
bool stub_set_evidence(struct stub *s, const void *evidence, size_t len) MUST_USE;

/* Before the port goes away, in no trap: ends the session and takes every int3 out. */
void stub_shutdown(struct stub *s);

#endif
