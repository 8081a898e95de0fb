/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The RSP server: one client, one target, no I/O, no allocation, no clock. The caller moves bytes
 * between a channel and rsp_server_input/output and says when the target may have stopped.
 * The same code runs in the host agent and in the in-guest stub.
 *
 * To add a packet: a row in the table of rsp_request.c, a handler in the rsp_*.c file of its
 * ability (mem, regs, run, points, query, monitor), rows in tests/unit and, if a client sends it
 * by itself, a transcript in tests/replay.
 */
#ifndef PROTOCOL_RSP_SERVER_H
#define PROTOCOL_RSP_SERVER_H

#include "rsp_frame.h"
#include "target.h"

/* What a session may do; QAllow (gdb manual, "QAllow") can only take rights away. */
enum rsp_right {
	RSP_RIGHT_WRITE_REG = 1 << 0,
	RSP_RIGHT_WRITE_MEM = 1 << 1,
	RSP_RIGHT_INSERT_BREAK = 1 << 2,
	RSP_RIGHT_STOP = 1 << 3, /* interrupt: QAllow speaks of this alone */
	RSP_RIGHT_READ_REG = 1 << 4,
	RSP_RIGHT_READ_MEM = 1 << 5,
	RSP_RIGHT_MONITOR = 1 << 6,
	RSP_RIGHT_RUN = 1 << 7,	 /* continue and step; leaving is always allowed */
	RSP_RIGHT_DUMP = 1 << 8, /* nothing of RSP: `cvmdbg dump` over a sealed link */
	RSP_RIGHT_ALL = (1 << 9) - 1,
	/* Do not touch: serve --read-only. */
	RSP_RIGHT_LOOK = RSP_RIGHT_STOP | RSP_RIGHT_RUN | RSP_RIGHT_READ_REG | RSP_RIGHT_READ_MEM |
			 RSP_RIGHT_MONITOR,
};

enum rsp_server_state {
	RSP_SERVER_STOPPED,  /* answers requests */
	RSP_SERVER_RUNNING,  /* a resume awaits its stop reply */
	RSP_SERVER_DETACHED, /* the client said D, vKill or k; the caller closes the channel */
};

struct rsp_server_stats {
	uint64_t packets, bytes_in, bytes_out, bad_frames;
	uint64_t refused; /* requests for want of a right, or for memory that is denied */
};

struct rsp_server {
	struct target *target;
	unsigned int allowed; /* enum rsp_right: what the caller grants */
	unsigned int rights;  /* what is left of it after QAllow */
	enum rsp_server_state state;
	/*
	 * The last failure of the target itself (not a bad address or packet), for the caller's
	 * log: most clients show an error code at best. The caller sets it back to 0.
	 */
	int failure;
	/*
	 * Why the last request was refused: the missing right as a policy names it ("mem.write"),
	 * or the target's words about denied memory; NULL: it was not. For the caller's log; lives
	 * until the next request.
	 */
	const char *refused;
	struct rsp_server_stats stats;
	/* private: see rsp_server.c */
	struct rsp_frame frame;
	uint8_t *reply, *scratch;
	size_t reply_len, reply_sent, scratch_size;
	size_t packet_size;
	struct target_stop stop;
	unsigned int g_vcpu, c_vcpu;
	bool c_all;
	enum target_action *actions; /* one a vCPU, in the caller's memory */
	uint64_t range_start, range_end;
	unsigned int range_vcpu;
	bool noack, multiprocess, swbreak, hwbreak, error_text, binary_upload;
	bool coded_text; /* the client is this project's: "Exx;text" */
	bool lldb, thread_suffix, list_threads;
	struct x86_64_regs regs; /* last looked at: too big for a kernel's stack */
	enum target_space space; /* what addresses mean: Qqemu.PhyMemMode */
};

/* Bytes of caller memory that rsp_server_init needs for packets of @packet_size data characters. */
size_t rsp_server_memory(size_t packet_size);

/*
 * @mem: rsp_server_memory(packet_size) bytes that live as long as the server. The target is
 * stopped, with @stop as the reason. @allowed: enum rsp_right.
 */
void rsp_server_init(struct rsp_server *s, struct target *target, unsigned int allowed, void *mem,
		     size_t packet_size, const struct target_stop *stop);

/*
 * Consumes bytes from the client and returns how many. Consumes nothing while output is pending, so
 * one reply exists at a time and a slow reader costs no memory.
 */
size_t rsp_server_input(struct rsp_server *s, const uint8_t *data, size_t len);

/* Bytes to send now; *ret points to them. 0: none. */
size_t rsp_server_output(const struct rsp_server *s, const uint8_t **ret);

/* Says that the first @len bytes of the output were sent. */
void rsp_server_sent(struct rsp_server *s, size_t len);

/*
 * To be called in state RUNNING when the target may have stopped: asks target run->poll and, on a
 * stop, queues the stop reply or (range stepping) steps on. Negative enum status: the target is
 * lost; a stop reply that says so has been queued.
 */
int rsp_server_poll_target(struct rsp_server *s);

#endif
