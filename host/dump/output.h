/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Where a dump goes: a file, a pipe, or either of them sealed to age recipients. Bytes come in
 * order; only a plain regular file can be gone back in. A file is written as NAME.part and gets its
 * name when it is whole and on the disk, so no half file looks whole. Knows nothing of what the
 * bytes mean.
 */
#ifndef HOST_DUMP_OUTPUT_H
#define HOST_DUMP_OUTPUT_H

#include "host/err.h"
#include "protocol/age.h"
#include "protocol/base.h"

struct output;

struct output_config {
	const char *path; /* "-": standard output */
	const uint8_t (*recipients)[AGE_KEY];
	unsigned int nrecipients; /* 0: plain */
	bool force;		  /* replace a file that exists */
};

int output_open(const struct output_config *config, struct output **ret, struct err *err) MUST_USE;

/* Appends. ST_NOSPC: the disk is full: what is there is kept, and the same call may be repeated. */
int output_write(struct output *out, const void *data, size_t len, struct err *err) MUST_USE;
/* Zeros: a hole where the file can have one. */
int output_skip(struct output *out, uint64_t len, struct err *err) MUST_USE;

/* Bytes appended so far, before sealing. */
uint64_t output_position(const struct output *out);

/* Whether output_rewrite works: a plain regular file. */
bool output_seekable(const struct output *out);
/* Overwrites bytes that were appended already. */
int output_rewrite(struct output *out, uint64_t offset, const void *data, size_t len,
		   struct err *err) MUST_USE;

/* All is written: last chunk, fsync, rename. */
int output_finish(struct output *out, struct err *err) MUST_USE;
/* Safe at any time; unless finished, a NAME.part stays only when @keep. */
void output_close(struct output *out, bool keep);

#endif
