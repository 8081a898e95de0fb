/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * This guest's end of a sealed link: a key that is made at load and never leaves the kernel, the
 * kernel's X25519 and SHA-256, randomness drawn in advance, and /dev/cvmdbg, by which a tool
 * learns what the attestation report has to vouch for, and hands it in.
 *
 * A handshake may take place in a handler (a kernel that has died, a CPU that only NMIs reach).
 * X25519 is integer code in every kernel, SHA-256 plain C in 6.1 and 6.12; ChaCha20-Poly1305 would
 * take the FPU, so that is the portable one (protocol/chacha20poly1305.h).
 */
#include <linux/delay.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/uaccess.h>

#include <crypto/curve25519.h>
#include <crypto/hash.h>
#include <crypto/sha2.h>

#include "protocol/chacha20poly1305.h"
#include "stub/linux/module.h"

enum { EPHEMERALS = 16, EVIDENCE_LOOK_MS = 20, SHOW_BYTES = 512 };

static const char attest_label[] = "cvmdbg-attest-1";

static struct stub_seal seal;
static struct {
	u8 key[EPHEMERALS][NOISE_KEY];
	unsigned int made, used;
} pool;
/* One is in use, the other is for the next. */
static u8 evidence[2][LINK_EVIDENCE_MAX];
static unsigned int evidence_next;
static DEFINE_MUTEX(evidence_lock);

/* --- primitives: handlers all --- */

static bool seal_dh(uint8_t *ret, const uint8_t *secret, const uint8_t *public)
{
	return curve25519(ret, secret, public);
}

static void seal_hash(uint8_t *ret, const struct noise_part *parts, unsigned int count)
{
	struct sha256_state state;
	unsigned int i;

	sha256_init(&state);
	for (i = 0; i < count; i++)
		sha256_update(&state, parts[i].data, parts[i].len);
	sha256_final(&state, ret);
}

static const struct noise_crypto seal_crypto = {
	.dh = seal_dh,
	.hash = seal_hash,
	.seal = chacha20poly1305_seal,
	.open = chacha20poly1305_open,
};

/* --- randomness --- */

bool seal_random(struct port *p, uint8_t *ret)
{
	u8 *key = pool.key[pool.used % EPHEMERALS];

	if (pool.used == smp_load_acquire(&pool.made))
		return false;
	memcpy(ret, key, NOISE_KEY);
	memzero_explicit(key, NOISE_KEY);
	smp_store_release(&pool.used, pool.used + 1);
	return true;
}

/* Only the thread makes, only who owns the stub uses. */
void seal_refill(void)
{
	if (!linux_stub->config.seal)
		return;
	while (pool.made - smp_load_acquire(&pool.used) < EPHEMERALS) {
		get_random_bytes(pool.key[pool.made % EPHEMERALS], NOISE_KEY);
		smp_store_release(&pool.made, pool.made + 1);
	}
}

/* --- /dev/cvmdbg --- */

/* SHA-512(label || public key || policy hash): what REPORT_DATA has to be. */
static int report_data(u8 ret[SHA512_DIGEST_SIZE])
{
	u8 text[sizeof(attest_label) - 1 + 2 * NOISE_KEY];
	struct crypto_shash *sha512 = crypto_alloc_shash("sha512", 0, 0);
	int err;

	if (IS_ERR(sha512))
		return PTR_ERR(sha512);
	memcpy(text, attest_label, sizeof(attest_label) - 1);
	memcpy(text + sizeof(attest_label) - 1, seal.public, NOISE_KEY);
	memcpy(text + sizeof(text) - NOISE_KEY, seal.policy_hash, NOISE_KEY);
	err = crypto_shash_tfm_digest(sha512, text, sizeof(text), ret);
	crypto_free_shash(sha512);
	return err;
}

static ssize_t device_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	u8 data[SHA512_DIGEST_SIZE];
	char text[SHOW_BYTES];
	int n = report_data(data);

	if (n)
		return n;
	n = scnprintf(text, sizeof(text), "stub-key %*phN\npolicy-hash %*phN\nreport-data %*phN",
		      NOISE_KEY, seal.public, NOISE_KEY, seal.policy_hash, NOISE_KEY, data);
	n += scnprintf(text + n, sizeof(text) - n, "%*phN\n", SHA512_DIGEST_SIZE - NOISE_KEY,
		       data + NOISE_KEY);
	return simple_read_from_buffer(to, len, pos, text, n);
}

/* Somebody may just be looking at the link, or be greeted, which takes STUB_GREETING_MS at most. */
static bool set_evidence(const u8 *data, size_t len)
{
	unsigned int ms;

	for (ms = 0; ms <= STUB_GREETING_MS; ms += EVIDENCE_LOOK_MS) {
		if (stub_set_evidence(linux_stub, data, len))
			return true;
		if (msleep_interruptible(EVIDENCE_LOOK_MS))
			return false;
	}
	return false;
}

/* All of the evidence at once; for the sessions that begin afterwards. */
static ssize_t device_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	ssize_t ret = len;

	if (*pos || len > LINK_EVIDENCE_MAX)
		return -EINVAL;
	mutex_lock(&evidence_lock);
	if (copy_from_user(evidence[evidence_next], from, len))
		ret = -EFAULT;
	else if (!set_evidence(evidence[evidence_next], len))
		ret = -EBUSY;
	else
		evidence_next = !evidence_next;
	mutex_unlock(&evidence_lock);
	if (ret > 0)
		pr_info("cvmdbg_stub: evidence of %zu bytes for debuggers to check\n", len);
	return ret;
}

static const struct file_operations device_ops = {
	.owner = THIS_MODULE,
	.read = device_read,
	.write = device_write,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cvmdbg",
	.mode = 0600,
	.fops = &device_ops,
};
static bool registered;

/* --- coming and going --- */

const struct stub_seal *seal_init(const char *policy, size_t len)
{
	const struct noise_part text = { policy, len };

	seal.crypto = &seal_crypto;
	seal_hash(seal.policy_hash, &text, 1);
	curve25519_generate_secret(seal.secret);
	return curve25519_generate_public(seal.public, seal.secret) ? &seal : NULL;
}

int seal_publish(void)
{
	int err;

	seal_refill();
	if (!linux_stub->config.seal)
		return 0;
	err = misc_register(&device);
	registered = !err;
	if (!err)
		pr_info("cvmdbg_stub: channel sealed, stub key %*phN\n", NOISE_KEY, seal.public);
	return err;
}

void seal_hide(void)
{
	if (registered)
		misc_deregister(&device);
	registered = false;
}

void seal_wipe(void)
{
	memzero_explicit(&seal, sizeof(seal));
	memzero_explicit(&pool, sizeof(pool));
}

MODULE_SOFTDEP("pre: sha512");
