/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The memory cipher: AES-128-XTS, a page is a data unit, its number the emulated system physical
 * page. Like the real one it is a 16-byte tweakable block cipher without integrity; unlike it, the
 * tweak's constants are XTS's. A cipher object belongs to one thread.
 */
#ifndef TESTS_SEVSIM_CIPHER_H
#define TESTS_SEVSIM_CIPHER_H

#include <stdint.h>

struct cipher;

/* The key is made once a process. */
struct cipher *cipher_create(void);
void cipher_destroy(struct cipher *c);
/* One page of guest physical address @gpa; @in and @out may be the same. */
void cipher_encrypt(struct cipher *c, uint64_t gpa, const void *in, void *out);
void cipher_decrypt(struct cipher *c, uint64_t gpa, const void *in, void *out);

#endif
