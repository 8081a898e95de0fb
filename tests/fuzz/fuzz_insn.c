/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * stub/core/insn.c on any bytes: never reads behind them, a length is within them, and more bytes
 * behind an instruction change nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/status.h"
#include "stub/core/insn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x86_64_regs regs;
	struct insn insn, again;
	uint8_t *exact;
	int e;

	memset(&regs, 0x5a, sizeof(regs.data));
	memset(regs.valid, true, sizeof(regs.valid));
	e = insn_decode(data, size, &regs, &insn);
	if (e) {
		if (e != ST_INVAL && (e != ST_RANGE || size >= INSN_BYTES_MAX))
			abort();
		return 0;
	}
	if (!insn.length || insn.length > size || insn.length > INSN_BYTES_MAX)
		abort();
	/* The sanitizer watches the end of a block of its own. */
	exact = malloc(insn.length);
	if (!exact)
		abort();
	memcpy(exact, data, insn.length);
	if (insn_decode(exact, insn.length, &regs, &again) || again.length != insn.length ||
	    again.kind != insn.kind || again.mem != insn.mem || again.operand != insn.operand ||
	    insn_decode(exact, insn.length - 1u, &regs, &again) != ST_RANGE)
		abort();
	free(exact);
	return 0;
}
