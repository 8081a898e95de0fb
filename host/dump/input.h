/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The bytes of a dump file at random offsets, whether it lies there plain or sealed with age: of a
 * sealed one only the chunks that are asked for are read and decrypted, a few are kept. Knows
 * nothing of what the bytes mean.
 */
#ifndef HOST_DUMP_INPUT_H
#define HOST_DUMP_INPUT_H

#include "host/err.h"
#include "protocol/base.h"

struct input;

/*
 * Opens @path. A sealed file (it begins like one) takes the identities in @key_path, an
 * age-keygen file; NULL: none, and a sealed file is refused with advice. Length and last chunk of a
 * sealed file are authenticated at once, so a cut one is found here: ST_AUTH.
 */
int input_open(const char *path, const char *key_path, struct input **ret,
	       struct err *err) MUST_USE;
void input_close(struct input *in);

/* Of the plaintext. */
uint64_t input_bytes(const struct input *in);
bool input_sealed(const struct input *in);

/* Reads exactly @len bytes. ST_RANGE: beyond the end; ST_IO; ST_AUTH: this part is damaged. */
int input_read(struct input *in, uint64_t offset, void *ret, size_t len, struct err *err) MUST_USE;

#endif
