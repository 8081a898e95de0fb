/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Target: report_decode, report_describe, and the judgement before any certificate. */
#include <stdlib.h>

#include "host/attest/verify.h"
#include "host/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct attest_config nothing;
	struct report r;
	struct err err;
	char *text;
	json_t *doc;

	if (!attest_verify_report(data, size, NULL, &nothing, &err))
		abort(); /* nobody is trusted */
	if (report_decode(data, size, &r, &err))
		return 0;
	doc = report_describe(&r);
	text = json_dumps(doc, 0);
	if (!text)
		abort(); /* something in it is no text */
	free(text);
	json_decref(doc);
	return 0;
}
