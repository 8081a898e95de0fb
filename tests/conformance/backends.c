/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The back ends under test. Remote and hybrid talk to their gdb server through the product's client
 * and server code; hybrid and psp work on an encrypted VM made of memory (fake_vm.h), the stub runs
 * inside a machine made of threads (stub_machine.h).
 */
#include "tests/conformance/conformance.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/target/hybrid.h"
#include "host/target/psp.h"
#include "host/target/remote.h"
#include "host/target/stub.h"
#include "tests/conformance/fake_cpu.h"
#include "tests/conformance/loopback.h"
#include "tests/fake/stub_machine.h"
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
	if (!backend->fits(&config) || backend->create(&config, &t, &err) ||
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
/* The agent's own journal: it knows nothing of what the stub's side plants. */
static struct journal outer_journal;

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

/*
 * --- stub: the in-guest stub as its user meets it, through the client at the other end of its
 * link. Its operations work inside a trap only, so the suite cannot call them itself. ---
 */

enum { STUB_LOOK_US = 100 };

static struct stub_machine *toy;
static uint8_t toy_truth[CONFORMANCE_BYTES];

static_assert((int)STUB_MACHINE_PLAIN_BYTES == (int)CONFORMANCE_BYTES,
	      "the toy has the suite's memory");

/* Polled: the machine's CPUs need time to answer. */
static ssize_t toy_read(struct chan *c, void *buf, size_t len)
{
	size_t n = stub_machine_receive(toy, buf, len);

	(void)c;
	if (!n)
		usleep(STUB_LOOK_US);
	return (ssize_t)n;
}

static ssize_t toy_write(struct chan *c, const void *buf, size_t len)
{
	(void)c;
	return (ssize_t)stub_machine_send(toy, buf, len);
}

static void toy_close(struct chan *c)
{
	close(c->rfd);
	free(c);
}

static const struct chan_ops toy_chan_ops = {
	.read = toy_read,
	.write = toy_write,
	.destroy = toy_close,
};

static struct target *open_stub(struct conformance_machine *ret)
{
	static const struct policy policy = { .rights = RSP_RIGHT_ALL };
	static const struct stub_config config = { .policy = &policy };
	struct chan *chan = calloc(1, sizeof(*chan));
	struct target *t;
	struct err err = { .text = "" };

	toy = stub_machine_create(2);
	if (!stub_machine_peek(toy, STUB_MACHINE_PLAIN, toy_truth, sizeof(toy_truth)))
		return NULL;
	*ret = (struct conformance_machine){ .mapped = STUB_MACHINE_PLAIN,
					     .unmapped = STUB_MACHINE_PLAIN - PAGE_BYTES,
					     .truth = toy_truth };
	stub_machine_start(toy, &config, true);
	stub_machine_connect(toy);
	chan->ops = &toy_chan_ops;
	chan->rfd = chan->wfd = eventfd(1, EFD_CLOEXEC);
	return remote_create(chan, &t, &err) ? NULL : t;
}

static void close_stub(struct target *t)
{
	remote_destroy(t);
	if (!stub_machine_end(toy))
		abort();
	stub_machine_destroy(toy);
}

/*
 * --- served_stub, served_stub_psp: `cvmdbg serve --stub`, without and with the host's view of
 * memory. In the guest's place serves a hybrid target, which plants int3s in the same encrypted
 * memory and hides them as the stub does. ---
 */

int chan_connect_stub(const char *spec, struct chan **ret, struct err *err)
{
	(void)spec;
	*ret = loopback_create(served);
	return *ret ? 0 : err_set(err, ST_NOMEM, "out of memory");
}

static struct target *open_served(struct conformance_machine *ret, bool look)
{
	struct backend_config config = { .stub = "the hybrid target" };
	struct target_stop stop;
	struct target *t;
	struct err err = { .text = "" };

	served = open_hybrid(ret);
	if (look) {
		config.vm = &vm->vm;
		config.psp = psp;
		config.journal = &outer_journal;
	}
	if (!served || !stub_backend.fits(&config) || stub_backend.create(&config, &t, &err) ||
	    stub_backend.attach(t, &stop, &err))
		return NULL;
	return t;
}

static struct target *open_served_stub(struct conformance_machine *ret)
{
	return open_served(ret, false);
}

static struct target *open_served_stub_psp(struct conformance_machine *ret)
{
	return open_served(ret, true);
}

static void close_served_stub(struct target *t)
{
	(void)!t->ops->run->detach(t, false);
	stub_backend.destroy(t);
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
	{ "stub", open_stub, close_stub },
	{ "served_stub", open_served_stub, close_served_stub },
	{ "served_stub_psp", open_served_stub_psp, close_served_stub },
};
const unsigned int conformance_backends_count = ARRAY_LEN(conformance_backends);
