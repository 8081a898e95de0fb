/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Guest RAM between stop and resume. At a stop the plaintext is kept aside (shadow) and RAM becomes
 * what a SEV host shows; at a resume RAM becomes plaintext again, and a page that anybody changed
 * in between, by whatever way, reaches the guest through QEMU so that it drops stale translated
 * code.
 */
#include "ram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "cipher.h"
#include "tables.h"

enum { THREADS = 2, CHUNK_PAGES = 64, CHUNK = CHUNK_PAGES * SIM_PAGE };

struct shadow {
	uint8_t *plain;	   /* the whole block */
	uint8_t **view;	   /* by page: with C-bits, NULL for pages that are no tables */
	uint64_t *changed; /* gpas found by decrypting */
	size_t nchanged;
	pthread_mutex_t lock;
};

struct work {
	unsigned int block;
	uint64_t from, to; /* byte offsets in the block, CHUNK-aligned but for the end */
	struct cipher *cipher;
	uint8_t *raw; /* CHUNK bytes, for anonymous RAM */
	void (*chunk)(struct work *w, uint64_t offset, size_t len, uint8_t *raw);
	int status;
};

static struct shadow shadow[SIM_RANGES_MAX];
static struct cipher *ciphers[THREADS];
static uint8_t *buffers[THREADS];

int ram_open(void)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		ciphers[i] = cipher_create();
		buffers[i] = malloc(CHUNK);
	}
	for (i = 0; i < sim.nblocks; i++) {
		shadow[i].plain = mmap(NULL, sim.block[i].bytes, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		shadow[i].view = calloc(sim.block[i].bytes / SIM_PAGE, sizeof(uint8_t *));
		shadow[i].changed = calloc(sim.block[i].bytes / SIM_PAGE, sizeof(uint64_t));
		pthread_mutex_init(&shadow[i].lock, NULL);
		if (shadow[i].plain == MAP_FAILED || !shadow[i].view || !shadow[i].changed)
			return -1;
	}
	return 0;
}

struct sim_block *ram_block(uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < sim.nblocks; i++)
		if (gpa >= sim.block[i].gpa && gpa - sim.block[i].gpa < sim.block[i].bytes)
			return &sim.block[i];
	return NULL;
}

bool ram_private(uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < sim.nshared; i++)
		if (gpa >= sim.shared[i].gpa && gpa - sim.shared[i].gpa < sim.shared[i].bytes)
			return false;
	return true;
}

const uint8_t *ram_shadow(uint64_t gpa)
{
	struct sim_block *b = ram_block(gpa);

	return b ? shadow[b - sim.block].plain + (gpa - b->gpa) / SIM_PAGE * SIM_PAGE : NULL;
}

uint8_t *ram_view(uint64_t gpa, bool *made)
{
	struct sim_block *b = ram_block(gpa);
	uint8_t **slot;

	*made = false;
	if (!b || !ram_private(gpa))
		return NULL;
	slot = &shadow[b - sim.block].view[(gpa - b->gpa) / SIM_PAGE];
	if (!*slot) {
		*slot = malloc(SIM_PAGE);
		memcpy(*slot, ram_shadow(gpa), SIM_PAGE);
		*made = true;
	}
	return *slot;
}

/* --- moving RAM --- */

static int pull(const struct sim_block *b, uint64_t offset, void *buf, size_t len)
{
	struct iovec local = { buf, len };
	struct iovec remote = { (void *)(uintptr_t)(b->hva + offset), len };

	if (b->map) {
		memcpy(buf, b->map + offset, len);
		return 0;
	}
	return process_vm_readv(sim.qemu, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -1;
}

static int push(const struct sim_block *b, uint64_t offset, const void *buf, size_t len)
{
	struct iovec local = { (void *)(uintptr_t)buf, len };
	struct iovec remote = { (void *)(uintptr_t)(b->hva + offset), len };

	if (b->map)
		return 0; /* worked on in place */
	return process_vm_writev(sim.qemu, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -1;
}

static void *work_thread(void *arg)
{
	struct work *w = arg;
	const struct sim_block *b = &sim.block[w->block];
	uint64_t at;

	for (at = w->from; at < w->to && !w->status; at += CHUNK) {
		size_t len = w->to - at < CHUNK ? (size_t)(w->to - at) : CHUNK;
		uint8_t *raw = b->map ? b->map + at : w->raw;

		if (!b->map)
			w->status = pull(b, at, raw, len);
		if (!w->status)
			w->chunk(w, at, len, raw);
		if (!w->status)
			w->status = push(b, at, raw, len);
	}
	return NULL;
}

/* Every chunk of every block, on all threads. */
static int for_each_chunk(void (*chunk)(struct work *w, uint64_t offset, size_t len, uint8_t *raw))
{
	unsigned int i, t;
	int status = 0;

	for (i = 0; i < sim.nblocks; i++) {
		uint64_t share = (sim.block[i].bytes / THREADS + CHUNK - 1) / CHUNK * CHUNK;
		pthread_t thread[THREADS];
		struct work w[THREADS];

		for (t = 0; t < THREADS; t++) {
			uint64_t to = (t + 1) * share;

			w[t] = (struct work){ .block = i,
					      .from = t * share,
					      .to = to < sim.block[i].bytes ? to
									    : sim.block[i].bytes,
					      .cipher = ciphers[t],
					      .raw = buffers[t],
					      .chunk = chunk };
			pthread_create(&thread[t], NULL, work_thread, &w[t]);
		}
		for (t = 0; t < THREADS; t++) {
			pthread_join(thread[t], NULL);
			status |= w[t].status;
		}
	}
	return status;
}

/* --- stop --- */

static void keep(struct work *w, uint64_t offset, size_t len, uint8_t *raw)
{
	memcpy(shadow[w->block].plain + offset, raw, len);
}

static void seal(struct work *w, uint64_t offset, size_t len, uint8_t *raw)
{
	const struct shadow *s = &shadow[w->block];
	uint64_t gpa = sim.block[w->block].gpa + offset;
	size_t at;

	for (at = 0; at < len; at += SIM_PAGE) {
		const uint8_t *view = s->view[(offset + at) / SIM_PAGE];

		if (!ram_private(gpa + at))
			continue;
		if (sim.type == SIM_SNP)
			memset(raw + at, 0, SIM_PAGE);
		else
			cipher_encrypt(w->cipher, gpa + at, view ? view : s->plain + offset + at,
				       raw + at);
	}
}

int ram_encrypt(const struct sim_cpu *cpus)
{
	int status = for_each_chunk(keep);

	if (!status) {
		tables_mark(cpus);
		status = for_each_chunk(seal);
	}
	sim.stopped = true;
	return status;
}

/* --- resume --- */

static void note_change(struct shadow *s, uint64_t gpa)
{
	pthread_mutex_lock(&s->lock);
	s->changed[s->nchanged++] = gpa;
	pthread_mutex_unlock(&s->lock);
}

/* RAM becomes the shadow; what differs from it goes there and is written through QEMU afterwards.
 */
static void unseal(struct work *w, uint64_t offset, size_t len, uint8_t *raw)
{
	struct shadow *s = &shadow[w->block];
	uint64_t gpa = sim.block[w->block].gpa + offset;
	uint8_t page[SIM_PAGE];
	size_t at;

	for (at = 0; at < len; at += SIM_PAGE) {
		uint8_t *plain = s->plain + offset + at;
		uint8_t **view = &s->view[(offset + at) / SIM_PAGE];
		bool private = ram_private(gpa + at);

		if (!private)
			memcpy(page, raw + at, SIM_PAGE);
		else if (sim.type != SIM_SNP)
			cipher_decrypt(w->cipher, gpa + at, raw + at, page);
		memcpy(raw + at, plain, SIM_PAGE);
		if (!(private && sim.type == SIM_SNP) &&
		    memcmp(page, *view ? *view : plain, SIM_PAGE) != 0) {
			if (*view)
				tables_strip(page);
			memcpy(plain, page, SIM_PAGE);
			note_change(s, gpa + at);
		}
		free(*view);
		*view = NULL;
	}
}

static int write_back(struct shadow *s)
{
	size_t i;
	int status = 0;

	for (i = 0; i < s->nchanged; i++)
		status |= machine_write(s->changed[i], ram_shadow(s->changed[i]), SIM_PAGE);
	s->nchanged = 0;
	return status;
}

int ram_decrypt(void)
{
	int status = for_each_chunk(unseal);

	sim.stopped = false;
	return status;
}

int ram_write_back(void)
{
	unsigned int i;
	int status = 0;

	for (i = 0; i < sim.nblocks && !status; i++)
		status = write_back(&shadow[i]);
	return status;
}

/* --- the truth --- */

static int plaintext_page(uint64_t gpa, uint8_t *page)
{
	struct sim_block *b = ram_block(gpa);
	struct cipher *c;

	if (!b)
		return -1;
	if (sim.stopped && sim.type == SIM_SNP && ram_private(gpa)) {
		memcpy(page, ram_shadow(gpa), SIM_PAGE);
		return 0;
	}
	if (pull(b, gpa - b->gpa, page, SIM_PAGE))
		return -1;
	if (!sim.stopped || !ram_private(gpa))
		return 0;
	c = cipher_create();
	cipher_decrypt(c, gpa, page, page);
	cipher_destroy(c);
	return 0;
}

int ram_plaintext(uint64_t gpa, void *buf, size_t len)
{
	uint8_t page[SIM_PAGE], *out = buf;

	while (len) {
		size_t offset = gpa % SIM_PAGE,
		       n = SIM_PAGE - offset < len ? SIM_PAGE - offset : len;

		if (plaintext_page(gpa - offset, page))
			return -1;
		memcpy(out, page + offset, n);
		gpa += n;
		out += n;
		len -= n;
	}
	return 0;
}
