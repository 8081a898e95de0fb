/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: rsp_frame_init rsp_frame_input rsp_out_binary rsp_out_end. The first byte chooses mode
 * and buffer size, the rest is the line. What is received is sent again and must come back the
 * same.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/rsp_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUFFER_MAX = 256 };

static void echo(const struct rsp_frame *f)
{
	uint8_t wire[2 * BUFFER_MAX + 4], again[BUFFER_MAX];
	struct rsp_frame back;
	struct rsp_out out;
	size_t used, len;

	rsp_out_begin(&out, wire, sizeof(wire));
	if (rsp_out_binary(&out, f->data, f->len) != f->len)
		abort();
	len = rsp_out_end(&out);
	rsp_frame_init(&back, again, sizeof(again), true);
	if (rsp_frame_input(&back, wire, len, &used) != RSP_FRAME_PACKET || used != len ||
	    back.len != f->len || memcmp(back.data, f->data, f->len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rsp_frame f;
	size_t room, used;
	uint8_t *buffer;

	if (!size)
		return 0;
	room = 1 + data[0] / 2;
	buffer = malloc(room); /* of exactly this size: the sanitizer sees a write past it */
	if (!buffer)
		return 0;
	rsp_frame_init(&f, buffer, room, data[0] & 1);
	for (data++, size--; size; data += used, size -= used) {
		enum rsp_frame_event event = rsp_frame_input(&f, data, size, &used);

		if (!used || used > size || f.len > room)
			abort();
		if (event == RSP_FRAME_PACKET || event == RSP_FRAME_NOTIFY)
			echo(&f);
	}
	free(buffer);
	return 0;
}
