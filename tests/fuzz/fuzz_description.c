/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: rsp_client_take_description rsp_client_take_regs rsp_client_write_reg. The input is a
 * server's target description; a g reply as long as it promises must then decode.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/rsp_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct rsp_client *c)
{
	static const uint8_t raw[X86_64_REG_BYTES_MAX];
	struct x86_64_regs regs;
	int reg;

	c->frame.len = 2 * c->g_size < c->frame.size ? 2 * c->g_size : c->frame.size;
	memset(c->frame.data, '5', c->frame.len);
	if (c->frame.len > 3 && rsp_client_take_regs(c, &regs))
		abort();
	for (reg = 0; reg < X86_64_REGS; reg++)
		(void)!rsp_client_write_reg(c, (enum x86_64_reg)reg, raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *mem = malloc(rsp_client_memory(RSP_PACKET_MIN));
	char *xml = malloc(size + !size); /* exact: the sanitizer sees a read past it */
	struct rsp_client c;

	if (mem && xml) {
		rsp_client_init(&c, mem, RSP_PACKET_MIN);
		memcpy(xml, data, size);
		if (rsp_client_take_description(&c, xml, size) >= 0)
			use(&c);
	}
	free(xml);
	free(mem);
	return 0;
}
