/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: rsp_client_input rsp_client_take_ok rsp_client_take_mem rsp_client_take_regs
 * rsp_client_take_stop rsp_client_take_supported rsp_client_take_monitor. The input is what a
 * server sends; every reply is decoded in every way, after a description that makes g mean
 * something.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/rsp_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char description[] =
	"<reg name=\"rax\" bitsize=\"64\"/><reg name=\"rip\" bitsize=\"32\"/>"
	"<reg name=\"other\" bitsize=\"128\"/>"
	"<reg name=\"xmm0\" bitsize=\"4096\"/><reg name=\"cs\" bitsize=\"8\"/>";

static void decode(struct rsp_client *c)
{
	uint8_t *exact = malloc(c->frame.len / 4 + 1), text[64];
	struct target_stop stop = { .kind = TARGET_STOP_SIGNAL };
	struct x86_64_regs regs;
	struct buf out;

	if (!exact)
		return;
	(void)!rsp_client_take_ok(c);
	if (rsp_client_take_mem(c, exact, c->frame.len / 4) > (int)(c->frame.len / 4))
		abort();
	(void)!rsp_client_take_regs(c, &regs);
	if (rsp_client_take_stop(c, &stop) == 0 && stop.vcpu >= VCPUS_MAX)
		abort();
	buf_init(&out, text, sizeof(text));
	(void)!rsp_client_take_monitor(c, &out);
	rsp_client_take_supported(c);
	if (c->packet_size > RSP_PACKET_MIN)
		abort();
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *mem = malloc(rsp_client_memory(RSP_PACKET_MIN));
	struct rsp_client c;
	size_t used;

	if (!mem)
		return 0;
	rsp_client_init(&c, mem, RSP_PACKET_MIN);
	if (rsp_client_take_description(&c, description, strlen(description)) != 5)
		abort();
	for (; size; data += used, size -= used) {
		enum rsp_client_event event = rsp_client_input(&c, data, size, &used);

		if (!used || used > size)
			abort();
		(void)rsp_client_ack(&c);
		if (event == RSP_CLIENT_REPLY)
			decode(&c);
	}
	free(mem);
	return 0;
}
