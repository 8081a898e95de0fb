/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The guest owner's policy: who may do what with a guest that carries the stub, or that an agent
 * serves by the PSP. A text of lines (or of parts between semicolons, for a kernel command line),
 * hashed as it stands; docs/policy.md is its specification:
 *
 *   cvmdbg-policy 1                first of all; the version of this format
 *   debugger age1...               a key that may attach; any number of lines
 *   dump-recipient age1...         dumps are sealed to these
 *   allow WORD...                  regs.read regs.write mem.read mem.write run points monitor
 *                                  dump; nothing is allowed that is not named
 *   deny mem FIRST-END             virtual addresses [FIRST, END), hexadecimal with 0x; or
 *   deny mem phys:FIRST-END        guest physical ones; see deny.h
 *   channel sealed|plain           absent: sealed
 *   on-panic stop|ignore|dump      absent: ignore
 *   idle-timeout SECONDS           absent: 60; 0: a silent debugger is waited for for ever
 *   # comment                      to the newline; no semicolon in it
 *
 * What the parser does not know is an error, never skipped: a policy that says less than its author
 * meant would be a hole.
 */
#ifndef PROTOCOL_POLICY_H
#define PROTOCOL_POLICY_H

#include "base.h"

enum policy_limits {
	POLICY_IDLE_DEFAULT = 60,
	POLICY_IDLE_MAX = 86400, /* seconds */
	POLICY_BYTES_MAX = 4096,
	POLICY_KEYS_MAX = 16, /* of each kind */
	POLICY_DENY_MAX = 32,
	POLICY_KEY = 32, /* bytes of an X25519 public key */
};

enum policy_channel { POLICY_CHANNEL_SEALED, POLICY_CHANNEL_PLAIN };

enum policy_panic { POLICY_PANIC_IGNORE, POLICY_PANIC_STOP, POLICY_PANIC_DUMP };

/* Addresses that nobody may look at. */
struct policy_range {
	bool phys;
	uint64_t first, last; /* inclusive */
};

struct policy_keys {
	unsigned int count;
	uint8_t key[POLICY_KEYS_MAX][POLICY_KEY];
};

/* About 2 KiB: not for a kernel's stack. */
struct policy {
	unsigned int rights; /* enum rsp_right */
	enum policy_channel channel;
	enum policy_panic on_panic;
	unsigned int idle_s;
	struct policy_keys debuggers, recipients;
	unsigned int deny_count;
	struct policy_range deny[POLICY_DENY_MAX];
};

struct policy_error {
	unsigned int line;   /* from 1; semicolons count as line ends */
	unsigned int column; /* from 1: of the word that is wrong */
	const char *why;     /* static text without a full stop */
};

/* @text need not be NUL-terminated. ST_SYNTAX with *error filled, *ret undefined. */
int policy_parse(const char *text, size_t len, struct policy *ret,
		 struct policy_error *error) MUST_USE;

/* Whether @key is one of @keys; in constant time, although they are public. */
bool policy_has_key(const struct policy_keys *keys, const uint8_t key[POLICY_KEY]);

/* The word of `allow` that grants @right, a single enum rsp_right. */
const char *policy_right_name(unsigned int right);

/* The words of `allow` that @rights stand for, for people: "regs.read run". */
struct buf;
void policy_put_rights(unsigned int rights, struct buf *out);

#endif
