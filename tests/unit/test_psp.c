/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host/sev/psp.c and psp_status.c with the two routes replaced: which route is taken, what a failed
 * batch does, what is counted, and that every failure has words that name a remedy.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/sev/psp_internal.h"

/* --- the routes --- */

static struct psp_answer answer; /* to GUEST_STATUS, and to debug commands that touch bad_page */
static uint64_t bad_page;
static unsigned int guest_state;
static unsigned int mirror_calls, inject_calls;
static int mirror_open_status;
static uint8_t pool[PSP_POOL_BYTES];
static uint8_t guest[128 * PAGE_BYTES];
static struct vm vm;

const struct vm_range *vm_range_find(const struct vm *v, gpa_t gpa)
{
	unsigned int i;

	for (i = 0; i < v->nranges; i++)
		if (gpa.v - v->range[i].gpa.v < v->range[i].bytes)
			return &v->range[i];
	return NULL;
}

static int fake_status(struct abi_sev_guest_status *status, struct psp_answer *ret)
{
	*status = (struct abi_sev_guest_status){ .handle = 1, .policy = 4, .state = guest_state };
	*ret = answer;
	return 0;
}

static int fake_debug(uint32_t id, gpa_t gpa, unsigned int count, struct psp_answer *ret)
{
	uint64_t bytes = (uint64_t)count * PAGE_BYTES;

	*ret = (struct psp_answer){ 0 };
	if (bad_page - gpa.v < bytes)
		*ret = answer;
	else if (id == ABI_SEV_DBG_DECRYPT)
		memcpy(pool, guest + gpa.v, bytes);
	else
		memcpy(guest + gpa.v, pool, bytes);
	return 0;
}

int psp_mirror_open(struct vm *v, struct psp_mirror **ret, struct err *err)
{
	(void)v;
	if (mirror_open_status)
		return err_set(err, mirror_open_status, "no mirror");
	*ret = (struct psp_mirror *)pool;
	return 0;
}

void psp_mirror_close(struct psp_mirror *m)
{
	(void)m;
}

int psp_mirror_status(struct psp_mirror *m, struct abi_sev_guest_status *status,
		      struct psp_answer *ret, struct err *err)
{
	(void)m;
	(void)err;
	return fake_status(status, ret);
}

int psp_mirror_debug(struct psp_mirror *m, uint32_t id, gpa_t gpa, unsigned int count,
		     struct psp_answer *ret, struct err *err)
{
	(void)m;
	(void)err;
	mirror_calls++;
	return fake_debug(id, gpa, count, ret);
}

int psp_mirror_pool_get(struct psp_mirror *m, void *ret, size_t len, struct err *err)
{
	(void)m;
	(void)err;
	memcpy(ret, pool, len);
	return 0;
}

int psp_mirror_pool_put(struct psp_mirror *m, const void *data, size_t len, struct err *err)
{
	(void)m;
	(void)err;
	memcpy(pool, data, len);
	return 0;
}

uint8_t *psp_mirror_page(const struct psp_mirror *m, gpa_t gpa, bool write)
{
	(void)m;
	(void)write;
	return gpa.v < sizeof(guest) ? guest + gpa.v : NULL;
}

int psp_inject_open(struct vm *v, struct journal *journal, struct psp_inject **ret, struct err *err)
{
	(void)v;
	(void)journal;
	(void)err;
	*ret = (struct psp_inject *)pool;
	return 0;
}

void psp_inject_close(struct psp_inject *p)
{
	(void)p;
}

int psp_inject_status(struct psp_inject *p, struct abi_sev_guest_status *status,
		      struct psp_answer *ret, struct err *err)
{
	(void)p;
	(void)err;
	return fake_status(status, ret);
}

int psp_inject_debug(struct psp_inject *p, uint32_t id, gpa_t gpa, unsigned int count,
		     struct psp_answer *ret, struct err *err)
{
	(void)p;
	(void)err;
	inject_calls++;
	return fake_debug(id, gpa, count, ret);
}

int psp_inject_pool_get(struct psp_inject *p, void *ret, size_t len, struct err *err)
{
	(void)p;
	return psp_mirror_pool_get(NULL, ret, len, err);
}

int psp_inject_pool_put(struct psp_inject *p, const void *data, size_t len, struct err *err)
{
	(void)p;
	return psp_mirror_pool_put(NULL, data, len, err);
}

/* --- tests --- */

static int setup(void **state)
{
	size_t i;

	(void)state;
	answer = (struct psp_answer){ 0 };
	bad_page = UINT64_MAX;
	guest_state = 3;
	mirror_calls = inject_calls = 0;
	mirror_open_status = 0;
	vm.nranges = 1;
	vm.range[0] = (struct vm_range){ .gpa = GPA(0), .bytes = sizeof(guest), .shared = true };
	for (i = 0; i < sizeof(guest); i++)
		guest[i] = (uint8_t)(i / PAGE_BYTES + 1);
	return 0;
}

static struct psp *opened(enum psp_route route)
{
	struct psp *psp;
	struct err err = { "" };

	if (psp_open(&vm, route, NULL, &psp, &err))
		fail_msg("%s", err.text);
	mirror_calls = inject_calls = 0;
	return psp;
}

static void auto_takes_the_mirror_where_ram_is_shared(void **state)
{
	struct psp *psp;

	(void)state;
	psp = opened(PSP_AUTO);
	assert_int_equal(psp_route(psp), PSP_MIRROR);
	assert_int_equal(psp_policy(psp), 4);
	assert_int_equal(psp_state(psp), 3);
	psp_close(psp);
	psp = opened(PSP_INJECT);
	assert_int_equal(psp_route(psp), PSP_INJECT);
	psp_close(psp);
	/* A private ROM does not matter, private RAM does. */
	vm.nranges = 2;
	vm.range[1] = (struct vm_range){ .gpa = GPA(1ull << 32), .bytes = 1 << 18 };
	psp = opened(PSP_AUTO);
	assert_int_equal(psp_route(psp), PSP_MIRROR);
	psp_close(psp);
	vm.range[1].bytes = 1 << 30;
	psp = opened(PSP_AUTO);
	assert_int_equal(psp_route(psp), PSP_INJECT);
	psp_close(psp);
	vm.nranges = 1;
	vm.range[0].shared = false;
	psp = opened(PSP_AUTO);
	assert_int_equal(psp_route(psp), PSP_INJECT);
	psp_close(psp);
}

static void opening_says_what_is_wrong(void **state)
{
	struct psp *psp;
	struct err err;

	(void)state;
	mirror_open_status = ST_ACCES;
	assert_int_equal(psp_open(&vm, PSP_AUTO, NULL, &psp, &err), ST_ACCES);
	assert_string_equal(err.text, "PSP by way of mirror: no mirror");
	mirror_open_status = 0;
	guest_state = 0;
	assert_int_equal(psp_open(&vm, PSP_AUTO, NULL, &psp, &err), ST_GONE);
	answer = (struct psp_answer){ .error = EBADF, .code = ABI_SEV_NO_FW_CALL };
	assert_int_equal(psp_open(&vm, PSP_INJECT, NULL, &psp, &err), ST_IO);
	assert_non_null(strstr(err.text, "closed the /dev/sev"));
}

static void a_batch_is_one_request(void **state)
{
	struct psp *psp = opened(PSP_MIRROR);
	static uint8_t got[PSP_POOL_BYTES];
	unsigned int done;
	struct err err;

	(void)state;
	assert_int_equal(psp_decrypt(psp, GPA(PAGE_BYTES), PSP_BATCH_PAGES, got, &done, &err), 0);
	assert_int_equal(done, PSP_BATCH_PAGES);
	assert_memory_equal(got, guest + PAGE_BYTES, sizeof(got));
	assert_int_equal(mirror_calls, 1);
	assert_int_equal(psp_stats(psp)->requests, 1);
	assert_int_equal(psp_stats(psp)->decrypt_pages, PSP_BATCH_PAGES);
	psp_close(psp);
}

static void a_failed_batch_gives_the_pages_before(void **state)
{
	struct psp *psp = opened(PSP_INJECT);
	static uint8_t got[PSP_POOL_BYTES];
	unsigned int done;
	struct err err;

	(void)state;
	bad_page = 5 * PAGE_BYTES;
	answer = (struct psp_answer){ .error = EIO, .code = 0x1a };
	assert_int_equal(psp_decrypt(psp, GPA(2 * PAGE_BYTES), 10, got, &done, &err), ST_IO);
	assert_int_equal(done, 3);
	assert_memory_equal(got, guest + 2 * PAGE_BYTES, 3 * PAGE_BYTES);
	assert_non_null(strstr(err.text, "guest page 0x5000: PSP: INVALID_PAGE_STATE (26)"));
	assert_int_equal(inject_calls, 5);
	/* What is no page's fault is not tried again. */
	answer = (struct psp_answer){ .error = EIO, .code = 7 };
	assert_int_equal(psp_decrypt(psp, GPA(2 * PAGE_BYTES), 10, got, &done, &err), ST_POLICY);
	assert_int_equal(done, 0);
	answer = (struct psp_answer){ .error = ETIMEDOUT };
	assert_int_equal(psp_decrypt(psp, GPA(2 * PAGE_BYTES), 10, got, &done, &err), ST_TIMEOUT);
	assert_int_equal(inject_calls, 7);
	psp_close(psp);
}

static void a_page_is_encrypted(void **state)
{
	struct psp *psp = opened(PSP_MIRROR);
	uint8_t page[PAGE_BYTES];
	struct err err;

	(void)state;
	memset(page, 0xab, sizeof(page));
	assert_int_equal(psp_encrypt(psp, GPA(3 * PAGE_BYTES), page, &err), 0);
	assert_memory_equal(guest + 3 * PAGE_BYTES, page, PAGE_BYTES);
	assert_int_equal(guest[4 * PAGE_BYTES], 5);
	assert_int_equal(psp_stats(psp)->encrypt_pages, 1);
	psp_close(psp);
}

static void what_is_no_request(void **state)
{
	struct psp *psp = opened(PSP_MIRROR);
	static uint8_t got[PSP_POOL_BYTES];
	unsigned int done;
	struct err err;

	(void)state;
	assert_int_equal(psp_decrypt(psp, GPA(8), 1, got, &done, &err), ST_INVAL);
	assert_int_equal(psp_decrypt(psp, GPA(0), 0, got, &done, &err), ST_INVAL);
	assert_int_equal(psp_decrypt(psp, GPA(0), PSP_BATCH_PAGES + 1, got, &done, &err), ST_INVAL);
	assert_int_equal(psp_decrypt(psp, GPA(sizeof(guest)), 1, got, &done, &err), ST_FAULT);
	assert_int_equal(psp_decrypt(psp, GPA(sizeof(guest) - PAGE_BYTES), 2, got, &done, &err),
			 ST_FAULT);
	assert_int_equal(psp_encrypt(psp, GPA(sizeof(guest)), got, &err), ST_FAULT);
	assert_int_equal(psp_read_raw(psp, GPA(sizeof(guest) - 1), got, 2, &err), ST_FAULT);
	assert_int_equal(mirror_calls, 0);
	psp_close(psp);
}

static void every_failure_has_words(void **state)
{
	static const struct {
		int error;
		uint32_t code;
		int status;
		const char *words;
	} rows[] = {
		{ EIO, 7, ST_POLICY,
		  "PSP: POLICY_FAILURE (7): the guest's policy forbids debugging; relaunch" },
		{ EIO, 8, ST_IO, "INACTIVE (8)" },
		{ EIO, 0x10, ST_GONE, "INVALID_GUEST (16)" },
		{ EIO, 0x77, ST_IO, "firmware error 0x77" },
		{ EIO, ABI_SEV_NO_FW_CALL, ST_GONE, "dead" },
		{ EBADF, ABI_SEV_NO_FW_CALL, ST_IO, "/dev/sev" },
		{ EPERM, ABI_SEV_NO_FW_CALL, ST_UNSUPPORTED, "stub inside the guest" },
		{ ENOMEM, ABI_SEV_NO_FW_CALL, ST_NOMEM, "RLIMIT_MEMLOCK" },
		{ ETIMEDOUT, 0, ST_TIMEOUT, "declared it dead" },
		{ EBUSY, ABI_SEV_NO_FW_CALL, ST_BUSY, "timed out earlier" },
		{ ENOTTY, ABI_SEV_NO_FW_CALL, ST_UNSUPPORTED, "not a SEV guest" },
		{ EXDEV, ABI_SEV_NO_FW_CALL, ST_IO, "Invalid cross-device link" },
	};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		answer = (struct psp_answer){ .error = rows[i].error, .code = rows[i].code };
		assert_int_equal(psp_status_explain(&answer, PSP_MIRROR, &err), rows[i].status);
		if (!strstr(err.text, rows[i].words))
			fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].words);
		assert_int_equal(psp_status_explain(&answer, PSP_INJECT, &err), rows[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(auto_takes_the_mirror_where_ram_is_shared, setup),
		cmocka_unit_test_setup(opening_says_what_is_wrong, setup),
		cmocka_unit_test_setup(a_batch_is_one_request, setup),
		cmocka_unit_test_setup(a_failed_batch_gives_the_pages_before, setup),
		cmocka_unit_test_setup(a_page_is_encrypted, setup),
		cmocka_unit_test_setup(what_is_no_request, setup),
		cmocka_unit_test_setup(every_failure_has_words, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
