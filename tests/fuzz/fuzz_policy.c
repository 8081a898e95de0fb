/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Target: policy_parse. The input is a policy's text, not NUL-terminated. */
#include <stdlib.h>

#include "protocol/policy.h"
#include "protocol/rsp_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy;
	struct policy_error error;

	if (policy_parse((const char *)data, size, &policy, &error)) {
		if (!error.why)
			abort();
	} else if ((policy.rights & ~(unsigned int)RSP_RIGHT_ALL) ||
		   policy.idle_s > POLICY_IDLE_MAX) {
		abort();
	}
	return 0;
}
