/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A debugger at the toy machine's link: the product's RSP client, a question and its answer at a
 * time. Runs in the test's thread; all waiting is bounded by real time, so that a stub that never
 * answers fails a test instead of hanging it.
 */
#ifndef TESTS_FAKE_STUB_MACHINE_LINE_H
#define TESTS_FAKE_STUB_MACHINE_LINE_H

#include "protocol/link.h"
#include "protocol/rsp_client.h"
#include "tests/fake/stub_machine.h"

struct stub_line {
	struct stub_machine *machine;
	struct rsp_client client;
	void *mem;
	struct link *link; /* of a sealed line, else NULL */
	void *link_mem;
	uint64_t pass_ms; /* of the machine's time, whenever nothing has come */
	size_t in_pos, in_len;
	uint8_t in[PAGE_BYTES];
	size_t wire_len;
	uint8_t wire[PAGE_BYTES]; /* as it came, sealed */
	char console[256];	  /* what O packets said, as text */
	char answer[STUB_PACKET_BYTES + 1];
};

/* Begins a new session on the machine's link; nothing is said yet. */
struct stub_line *stub_line_create(struct stub_machine *m);
/*
 * The same, sealed: returns at the end of the handshake, whatever that is (l->link->state). @config
 * lives as long as the line.
 */
struct stub_line *stub_line_create_sealed(struct stub_machine *m, const struct link_config *config);
/* Without a word to the stub. */
void stub_line_destroy(struct stub_line *l);

/* The answer to @packet, or the next packet: text that lives until the next call; NULL: none. */
const char *stub_line_ask(struct stub_line *l, const char *packet);
const char *stub_line_wait(struct stub_line *l);
/* A packet that has no immediate answer, and bytes outside of packets. */
void stub_line_say(struct stub_line *l, const char *packet);
void stub_line_raw(struct stub_line *l, const char *bytes, size_t len);

/* Registers (0: unavailable) and memory as the stub tells them. */
uint64_t stub_line_reg(struct stub_line *l, unsigned int vcpu, enum x86_64_reg reg);
int stub_line_read(struct stub_line *l, uint64_t addr, void *buf, size_t len);

#endif
