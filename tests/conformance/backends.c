/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The back ends under test. Remote and hybrid talk to their gdb server through the product's client
 * and server code; hybrid and psp work on an encrypted VM made of memory (fake_vm.h).
 */
#include "tests/conformance/conformance.h"

#include <stdlib.h>
#include <string.h>

#include "host/target/hybrid.h"
#include "host/target/psp.h"
#include "host/target/remote.h"
#include "tests/conformance/fake_cpu.h"
#include "tests/conformance/loopback.h"
#include "tests/fake/target_fake.h"

/* --- hybrid and psp --- */

static struct fake_vm *vm;
static struct fake_cpu cpu;
static struct psp *psp;

static struct target *open_backend(const struct backend *backend, enum sev_type type,
				   struct conformance_machine *ret)
{
	struct backend_config config;
	struct target_stop stop;
	struct target *t;
	struct err err = { .text = "" };

	vm = fake_vm_create(type);
	fake_cpu_init(&cpu, vm);
	*ret = vm->machine;
	if (psp_open(&vm->vm, PSP_AUTO, &vm->journal, &psp, &err))
		return NULL;
	config = (struct backend_config){ .vm = &vm->vm, .psp = psp, .journal = &vm->journal };
	if (!backend->fits(&vm->vm) || backend->create(&config, &t, &err) ||
	    backend->attach(t, &stop, &err))
		return NULL;
	return t;
}

static struct target *open_hybrid(struct conformance_machine *ret)
{
	return open_backend(&hybrid_backend, SEV_PLAIN, ret);
}

static void close_hybrid(struct target *t)
{
	(void)!t->ops->run->detach(t, false);
	hybrid_backend.destroy(t);
	fake_vm_destroy(vm);
}

static struct target *open_psp(struct conformance_machine *ret)
{
	return open_backend(&psp_backend, SEV_ES, ret);
}

static void close_psp(struct target *t)
{
	(void)!t->ops->run->detach(t, false);
	psp_backend.destroy(t);
	fake_vm_destroy(vm);
}

/*
 * --- remote: a client of a server of a hybrid target, which is the whole way of `cvmdbg serve` ---
 */

static struct target *served;

static struct target *open_remote(struct conformance_machine *ret)
{
	struct target *t;
	struct err err = { .text = "" };

	served = open_hybrid(ret);
	if (!served || remote_create(loopback_create(served), &t, &err))
		return NULL;
	return t;
}

static void close_remote(struct target *t)
{
	remote_destroy(t);
	close_hybrid(served);
}

/* --- fake: the specimen of the server's unit tests keeps the contract as well --- */

static struct target_fake fake;
static uint8_t fake_truth[CONFORMANCE_BYTES];

static_assert((int)TARGET_FAKE_RAM_BYTES == (int)CONFORMANCE_BYTES,
	      "the fake has the suite's memory");

static struct target *open_fake(struct conformance_machine *ret)
{
	target_fake_init(&fake);
	*ret = (struct conformance_machine){ .mapped = TARGET_FAKE_RAM,
					     .unmapped = TARGET_FAKE_RAM - PAGE_BYTES,
					     .truth = fake_truth };
	memcpy(fake_truth, fake.ram, sizeof(fake_truth));
	return &fake.target;
}

static void close_fake(struct target *t)
{
	(void)t;
}

const struct conformance_backend conformance_backends[] = {
	{ "fake", open_fake, close_fake },
	{ "remote", open_remote, close_remote },
	{ "hybrid", open_hybrid, close_hybrid },
	{ "psp", open_psp, close_psp },
};
const unsigned int conformance_backends_count = ARRAY_LEN(conformance_backends);
