/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A policy (protocol/policy.h) in a file: read, hashed as it stands, parsed. */
#ifndef HOST_POLICY_FILE_H
#define HOST_POLICY_FILE_H

#include "host/err.h"
#include "protocol/policy.h"

struct policy_file {
	struct policy policy;
	uint8_t hash[32]; /* SHA-256 of the file's bytes */
};

/* "-": standard input. ST_SYNTAX: "FILE:LINE:COLUMN: why"; others: it cannot be read. */
int policy_file_read(const char *path, struct policy_file *ret, struct err *err) MUST_USE;

#endif
