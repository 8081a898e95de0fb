/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The framing of the GDB remote serial protocol, both directions: bytes in, packets and
 * acknowledgements out. Knows '$', '#', '}', '*', checksums and nothing about packets' meaning.
 *
 * Receiving: feed bytes, get events. A packet's data is delivered unescaped (and run-length
 * expanded for a client, which receives replies) in the caller's buffer and stays valid until the
 * next call of rsp_frame_input. Sending: put an encoded packet into a buffer.
 */
#ifndef PROTOCOL_RSP_FRAME_H
#define PROTOCOL_RSP_FRAME_H

#include "buf.h"

enum rsp_frame_event {
	RSP_FRAME_NONE,	     /* all input consumed, nothing complete yet */
	RSP_FRAME_PACKET,    /* data/len hold a packet with a right checksum */
	RSP_FRAME_NOTIFY,    /* the same for a '%' notification */
	RSP_FRAME_ACK,	     /* '+' */
	RSP_FRAME_NAK,	     /* '-' */
	RSP_FRAME_INTERRUPT, /* 0x03 between packets */
	RSP_FRAME_BAD,	     /* wrong checksum or malformed escape; the packet is dropped */
	RSP_FRAME_OVERSIZE,  /* longer than the buffer; dropped up to its end */
};

struct rsp_frame {
	uint8_t *data; /* caller's buffer */
	size_t size;
	size_t len;
	bool expand; /* '*' is run-length encoding (replies); requests have none */
	/* private */
	uint8_t state, sum, want, kind;
	bool oversize, malformed, escaped, repeat;
};

/* @size: the longest packet accepted. @expand: true for the side that receives replies. */
void rsp_frame_init(struct rsp_frame *f, void *data, size_t size, bool expand);

/*
 * Consumes bytes of @in up to and including the one that completes an event; call again with the
 * rest. Never fails: garbage between packets is skipped.
 */
enum rsp_frame_event rsp_frame_input(struct rsp_frame *f, const uint8_t *in, size_t len,
				     size_t *used);

/*
 * An outgoing packet under construction. Payload goes in through these functions only: they
 * escape and sum as they go. Overrun is sticky; rsp_out_end then returns 0.
 */
struct rsp_out {
	struct buf buf;
	uint8_t sum;
};

/* Starts a packet at the beginning of @data: writes '$'. */
void rsp_out_begin(struct rsp_out *out, void *data, size_t size);
/* Text that needs no escaping: protocol keywords, hex. */
void rsp_out_text(struct rsp_out *out, const char *text);
void rsp_out_char(struct rsp_out *out, char c);
void rsp_out_hex(struct rsp_out *out, uint64_t value);
void rsp_out_hex_bytes(struct rsp_out *out, const void *data, size_t len);
void rsp_out_hex_text(struct rsp_out *out, const char *text);
/* Arbitrary bytes, escaped; returns how many of them fitted with room left for the end. */
size_t rsp_out_binary(struct rsp_out *out, const void *data, size_t len);
/* Writes '#' and the checksum; the number of bytes to send, or 0 if it did not fit. */
size_t rsp_out_end(struct rsp_out *out);

#endif
