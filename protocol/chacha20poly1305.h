/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ChaCha20-Poly1305 (RFC 8439) in portable C without the FPU: what a kernel's own library must not
 * be asked for inside an NMI or #BP handler. Constant time: no branch and no index depends on
 * keys or data. Elsewhere use the platform's, which is faster. The signatures are those of
 * struct noise_crypto, which says the rest.
 */
#ifndef PROTOCOL_CHACHA20POLY1305_H
#define PROTOCOL_CHACHA20POLY1305_H

#include "base.h"

void chacha20poly1305_seal(uint8_t *ret, const uint8_t key[32], uint64_t nonce, const void *ad,
			   size_t ad_len, const void *data, size_t len);
bool chacha20poly1305_open(uint8_t *ret, const uint8_t key[32], uint64_t nonce, const void *ad,
			   size_t ad_len, const void *data, size_t len) MUST_USE;

#endif
