/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* AES-128-XTS of OpenSSL, one context a direction, the tweak set for every page. */
#include "cipher.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { KEY_BYTES = 32, TWEAK_BYTES = 16 };

struct cipher {
	EVP_CIPHER_CTX *seal, *open;
};

static uint8_t key[KEY_BYTES];
static uint64_t scatter;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	if (RAND_bytes(key, sizeof(key)) != 1 ||
	    RAND_bytes((uint8_t *)&scatter, sizeof(scatter)) != 1)
		abort();
}

struct cipher *cipher_create(void)
{
	struct cipher *c = calloc(1, sizeof(*c));

	pthread_once(&key_once, make_key);
	c->seal = EVP_CIPHER_CTX_new();
	c->open = EVP_CIPHER_CTX_new();
	if (EVP_EncryptInit_ex(c->seal, EVP_aes_128_xts(), NULL, key, NULL) != 1 ||
	    EVP_DecryptInit_ex(c->open, EVP_aes_128_xts(), NULL, key, NULL) != 1)
		abort();
	return c;
}

void cipher_destroy(struct cipher *c)
{
	EVP_CIPHER_CTX_free(c->seal);
	EVP_CIPHER_CTX_free(c->open);
	free(c);
}

/* The system physical page: any bijection of the guest's does, so that nobody can rely on it. */
static void make_tweak(uint64_t gpa, uint8_t tweak[TWEAK_BYTES])
{
	uint64_t spa = (gpa / SIM_PAGE ^ scatter) * 0x9e3779b97f4a7c15ull;

	memset(tweak, 0, TWEAK_BYTES);
	memcpy(tweak, &spa, sizeof(spa));
}

void cipher_encrypt(struct cipher *c, uint64_t gpa, const void *in, void *out)
{
	uint8_t tweak[TWEAK_BYTES];
	int len;

	make_tweak(gpa, tweak);
	if (EVP_EncryptInit_ex(c->seal, NULL, NULL, NULL, tweak) != 1 ||
	    EVP_EncryptUpdate(c->seal, out, &len, in, SIM_PAGE) != 1)
		abort();
}

void cipher_decrypt(struct cipher *c, uint64_t gpa, const void *in, void *out)
{
	uint8_t tweak[TWEAK_BYTES];
	int len;

	make_tweak(gpa, tweak);
	if (EVP_DecryptInit_ex(c->open, NULL, NULL, NULL, tweak) != 1 ||
	    EVP_DecryptUpdate(c->open, out, &len, in, SIM_PAGE) != 1)
		abort();
}
