/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The client side of RSP, sans I/O: builds requests, tells replies from notifications and
 * acknowledgements, decodes registers, stop replies and memory. Consumes QEMU's gdbstub (4 KiB
 * packets, acknowledgements, its own target.xml) and the in-guest stub (no-ack, big packets).
 * Treats what it receives as hostile.
 *
 * A caller puts one request at a time into the output, moves bytes, and gets RSP_CLIENT_REPLY
 * with the reply's data in the frame buffer.
 */
#ifndef PROTOCOL_RSP_CLIENT_H
#define PROTOCOL_RSP_CLIENT_H

#include "rsp_frame.h"
#include "target.h"

enum rsp_client_event {
	RSP_CLIENT_NONE,
	RSP_CLIENT_REPLY,  /* answer to the request, or a stop reply while running */
	RSP_CLIENT_RESEND, /* the server said '-': the caller sends the output again */
};

struct rsp_client {
	struct rsp_frame frame;
	uint8_t *out;
	size_t out_size, out_len;
	size_t packet_size; /* the server's PacketSize, data characters */
	char ack_due;	    /* '+' or '-' after a packet, else 0 */
	bool noack, multiprocess, vcont;
	bool ours; /* the server is this project's: it knows x, vCont;r and qMemoryRegionInfo */
	/* Where each of our registers sits in the server's g packet; from its target.xml. */
	uint16_t g_offset[X86_64_REGS]; /* UINT16_MAX: not there */
	uint16_t g_number[X86_64_REGS]; /* the server's register number for p/P; UINT16_MAX: none */
	uint8_t g_bytes[X86_64_REGS];	/* its width there */
	size_t g_size, g_next;		/* bytes described so far; next register number */
};

/* Bytes of caller memory for packets of up to @packet_size. */
size_t rsp_client_memory(size_t packet_size);
void rsp_client_init(struct rsp_client *c, void *mem, size_t packet_size);

/* Feeds received bytes; see enum rsp_client_event. c->frame.data/len hold the reply. */
enum rsp_client_event rsp_client_input(struct rsp_client *c, const uint8_t *data, size_t len,
				       size_t *used);
/* One acknowledgement character to send after input, or 0; in ack mode only. */
char rsp_client_ack(struct rsp_client *c);

/* Requests: each replaces c->out/out_len. Negative: does not fit the server's PacketSize. */
int rsp_client_request(struct rsp_client *c, const char *text) MUST_USE;
int rsp_client_read_mem(struct rsp_client *c, uint64_t addr, size_t len) MUST_USE;
int rsp_client_write_mem(struct rsp_client *c, uint64_t addr, const void *data,
			 size_t len) MUST_USE;
int rsp_client_select(struct rsp_client *c, char op, unsigned int vcpu) MUST_USE; /* Hg, Hc */
/* A range is passed on to a server of ours and left out for others. */
int rsp_client_resume(struct rsp_client *c, const struct target_resume *how) MUST_USE;
int rsp_client_point(struct rsp_client *c, bool insert, enum target_point type, uint64_t addr,
		     unsigned int len) MUST_USE;
int rsp_client_write_reg(struct rsp_client *c, enum x86_64_reg reg, const uint8_t *raw) MUST_USE;
/* qXfer:features:read of @annex at @offset. */
int rsp_client_xfer_features(struct rsp_client *c, const char *annex, size_t offset) MUST_USE;
int rsp_client_monitor(struct rsp_client *c, const char *command) MUST_USE;

/* Reply decoders: look at c->frame; 0 or a count, negative enum status (Enn maps to ST_FAULT, ST_IO
 * ...). */
int rsp_client_take_ok(const struct rsp_client *c) MUST_USE;
int rsp_client_take_mem(const struct rsp_client *c, void *buf, size_t len) MUST_USE;
/* *ret is spoilt on failure. */
int rsp_client_take_regs(const struct rsp_client *c, struct x86_64_regs *ret) MUST_USE;
int rsp_client_take_stop(const struct rsp_client *c, struct target_stop *ret) MUST_USE;
void rsp_client_take_supported(struct rsp_client *c);
/* One document of the server's target description (it may xi:include others; feed each in order).
 */
int rsp_client_take_description(struct rsp_client *c, const char *xml, size_t len) MUST_USE;
/* Hex output of qRcmd: bytes of text appended to @out; 1 when it was an O packet (more follows), 0
 * for OK. */
int rsp_client_take_monitor(const struct rsp_client *c, struct buf *out) MUST_USE;

#endif
