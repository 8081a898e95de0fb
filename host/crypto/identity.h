/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The owner's key: an age identity file, as age-keygen and `cvmdbg keygen` write it. Lines that
 * begin with # are comments; the first AGE-SECRET-KEY-1... line counts.
 */
#ifndef HOST_CRYPTO_IDENTITY_H
#define HOST_CRYPTO_IDENTITY_H

#include "host/err.h"
#include "protocol/age.h"

struct identity {
	uint8_t secret[AGE_KEY], public[AGE_KEY];
};

/*
 * "-": standard input. Warns on standard error when others may read the file. ST_SYNTAX: there is
 * no identity in it. The caller wipes *ret.
 */
int identity_read(const char *path, struct identity *ret, struct err *err) MUST_USE;

void identity_generate(struct identity *ret);
void identity_wipe(struct identity *identity);

#endif
