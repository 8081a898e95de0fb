/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The host's cryptographic primitives, from libsodium. Knows nothing of handshakes and keys' uses.
 */
#ifndef HOST_CRYPTO_SODIUM_H
#define HOST_CRYPTO_SODIUM_H

#include "protocol/noise.h"

extern const struct noise_crypto sodium_crypto;

/* Cannot fail: without randomness libsodium ends the process. For link_config; @arg is not used. */
bool sodium_random32(void *arg, uint8_t ret[NOISE_KEY]);

void sodium_sha256(uint8_t ret[NOISE_KEY], const void *data, size_t len);

#endif
