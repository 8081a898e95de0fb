/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: age_recipient_parse, age_identity_parse. The input is a key's text, not NUL-terminated.
 * What is taken for a key is written as it was read: every key has one spelling.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/age.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[AGE_IDENTITY_CHARS + 1];
	uint8_t key[AGE_KEY];

	if (!age_recipient_parse((const char *)data, size, key)) {
		age_recipient_format(key, text);
		if (size != AGE_RECIPIENT_CHARS || memcmp(text, data, size))
			abort();
	}
	if (!age_identity_parse((const char *)data, size, key)) {
		age_identity_format(key, text);
		if (size != AGE_IDENTITY_CHARS || memcmp(text, data, size))
			abort();
	}
	return 0;
}
