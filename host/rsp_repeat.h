/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A debugger that connects while the guest is still being stopped sends its first packet again when
 * nobody acknowledges it (gdb: after `remotetimeout`, 2 s). Answering every copy would leave it one
 * answer behind for good.
 */
#ifndef HOST_RSP_REPEAT_H
#define HOST_RSP_REPEAT_H

#include "protocol/base.h"

/*
 * Nothing of what a client has sent was answered yet, so it is one packet, repeated: how many bytes
 * stand before its last copy. '$' is escaped inside of packets.
 */
static inline size_t rsp_repeat_bytes(const uint8_t *data, size_t len)
{
	size_t first = len, last = len, i;

	for (i = 0; i < len; i++) {
		if (data[i] != '$')
			continue;
		if (first == len)
			first = i;
		last = i;
	}
	return last > first ? last : 0;
}

#endif
