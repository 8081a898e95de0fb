/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The back end for guests that carry the stub, over a ring, against this project's server on the
 * machine of arrays in another thread: attach, what is asked, running, stops with words, and every
 * way a session may end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/sev/kernel.h"
#include "host/target/stub.h"
#include "protocol/buf.h"
#include "protocol/ring.h"
#include "protocol/rsp_server.h"
#include "tests/fake/target_fake.h"

enum { BYTES = 64 * 1024, WAIT_MS = 5000, SLIDE = 0x2000000 };

static const char reason[] = "kernel BUG at lib/specimen.c:12";

/* The guest's side. What both threads touch is locked. */
static struct guest {
	pthread_t thread;
	pthread_mutex_t lock;
	struct ring ring;
	void *shm;
	bool quit, deaf;
	unsigned int sessions;
	uint32_t session;
	struct target_fake fake;
	struct rsp_server server;
	void *mem;
} guest = { .lock = PTHREAD_MUTEX_INITIALIZER };

static char path[64], spec[80];
static struct target *target;

static void serve_bytes(struct guest *g)
{
	static uint8_t in[4096];
	static size_t len;
	const uint8_t *out;
	size_t n;

	if (g->server.state == RSP_SERVER_RUNNING)
		(void)rsp_server_poll_target(&g->server);
	while ((n = rsp_server_output(&g->server, &out)) != 0) {
		n = ring_write(&g->ring, out, n);
		if (!n)
			return;
		rsp_server_sent(&g->server, n);
	}
	len += ring_read(&g->ring, in + len, sizeof(in) - len);
	n = rsp_server_input(&g->server, in, len);
	len -= n;
	memmove(in, in + n, len);
}

static void step(struct guest *g)
{
	const struct target_stop stop = { .kind = TARGET_STOP_SIGNAL,
					  .signal = TARGET_SIGABRT,
					  .vcpu = 1 };
	uint32_t session = ring_session(&g->ring);

	if (session && session != g->session) {
		target_fake_init(&g->fake);
		g->fake.target.text_link = KERNEL_TEXT_LINK;
		g->fake.target.text_seg = KERNEL_TEXT_LINK + SLIDE;
		rsp_server_init(&g->server, &g->fake.target, RSP_RIGHT_ALL, g->mem, 0x4000, &stop);
		g->sessions++;
	}
	g->session = session;
	if (session)
		serve_bytes(g);
}

static void *guest_main(void *arg)
{
	struct guest *g = arg;
	bool quit;

	do {
		pthread_mutex_lock(&g->lock);
		if (!g->deaf)
			step(g);
		quit = g->quit;
		pthread_mutex_unlock(&g->lock);
		usleep(20);
	} while (!quit);
	ring_close(&g->ring);
	return NULL;
}

static int setup(void **state)
{
	struct backend_config config = { .stub = spec };
	struct err err;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/cvmdbg-test-stub-%d", (int)getpid());
	snprintf(spec, sizeof(spec), "ring:%s", path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_return_code(ftruncate(fd, BYTES), 0);
	guest.shm = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	guest.mem = malloc(rsp_server_memory(0x4000));
	guest.quit = guest.deaf = false;
	guest.sessions = guest.session = 0;
	assert_int_equal(ring_init(&guest.ring, RING_SIDE_GUEST, guest.shm, BYTES), 0);
	ring_open(&guest.ring);
	assert_int_equal(pthread_create(&guest.thread, NULL, guest_main, &guest), 0);
	assert_true(stub_backend.fits(&config));
	assert_ptr_equal(registry_find(&config), &stub_backend);
	assert_int_equal(stub_backend.create(&config, &target, &err), 0);
	return 0;
}

static void guest_stop(void)
{
	if (guest.quit)
		return;
	pthread_mutex_lock(&guest.lock);
	guest.quit = true;
	pthread_mutex_unlock(&guest.lock);
	pthread_join(guest.thread, NULL);
}

static int teardown(void **state)
{
	(void)state;
	stub_backend.destroy(target);
	guest_stop();
	assert_int_equal(guest.fake.misused, 0);
	munmap(guest.shm, BYTES);
	free(guest.mem);
	unlink(path);
	return 0;
}

static void attach(void)
{
	struct target_stop stop;
	struct err err;

	if (stub_backend.attach(target, &stop, &err))
		fail_msg("%s", err.text);
	/* What the guest says, not what the agent makes up. */
	assert_int_equal(stop.kind, TARGET_STOP_SIGNAL);
	assert_int_equal(stop.signal, TARGET_SIGABRT);
	assert_int_equal(stop.vcpu, 1);
}

static void resume(enum target_action action, uint64_t start, uint64_t end)
{
	const enum target_action actions[] = { action, TARGET_CONT };
	const struct target_resume how = { actions, 2, start, end };

	assert_int_equal(target->ops->run->resume(target, &how), 0);
}

static void wait_stop(struct target_stop *ret)
{
	int status;

	while ((status = target->ops->run->poll(target, ret)) == 0) {
		struct pollfd p = { .fd = stub_backend.fd(target), .events = POLLIN };

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	}
	assert_int_equal(status, 1);
}

static void wait_session_over(void)
{
	bool over = false;
	unsigned int i;

	for (i = 0; i < WAIT_MS && !over; i++) {
		pthread_mutex_lock(&guest.lock);
		over = !guest.session;
		pthread_mutex_unlock(&guest.lock);
		usleep(1000);
	}
	assert_true(over);
}

static void test_looks(void **state)
{
	uint8_t bytes[TARGET_FAKE_RAM_BYTES + 100], want;
	struct target_region region;
	struct x86_64_regs regs;
	char text[200] = "", name[RSP_NAME_MAX];
	struct buf out;
	size_t i;

	(void)state;
	attach();
	assert_int_equal(target->ops->vcpus->count(target), TARGET_FAKE_VCPUS);
	assert_int_equal(target->ops->vcpus->name(target, 1, name, sizeof(name)), 0);
	assert_int_equal(target->text_seg, KERNEL_TEXT_LINK + SLIDE);
	assert_int_equal(target->text_link, KERNEL_TEXT_LINK);
	assert_int_equal(target->ops->mem->read(target, 0, TARGET_VIRT, TARGET_FAKE_RAM, bytes,
						sizeof(bytes)),
			 TARGET_FAKE_RAM_BYTES);
	for (i = 0; i < TARGET_FAKE_RAM_BYTES; i++) {
		want = target_fake_pattern(i);
		assert_int_equal(bytes[i], want);
	}
	assert_int_equal(target->ops->mem->read(target, 0, TARGET_VIRT, 0, bytes, 1), ST_FAULT);
	assert_int_equal(target->ops->mem->read(target, 0, TARGET_PHYS, TARGET_FAKE_RAM, bytes, 1),
			 ST_FAULT);
	assert_int_equal(target->ops->mem->region(target, 0, TARGET_FAKE_ROM + 5, &region), 0);
	assert_true(region.mapped && region.exec && region.encrypted && !region.write);
	assert_int_equal(region.start, TARGET_FAKE_ROM);
	assert_int_equal(region.last, TARGET_FAKE_ROM + PAGE_BYTES - 1);
	assert_int_equal(target->ops->mem->region(target, 0, 0x1000, &region), 0);
	assert_false(region.mapped);
	assert_int_equal(target->ops->regs->read(target, 0, &regs), 0);
	assert_int_equal(x86_64_get(&regs, X86_64_rip),
			 x86_64_get(&guest.fake.regs[0], X86_64_rip));
	buf_init(&out, text, sizeof(text) - 1);
	assert_int_equal(target->ops->monitor->command(target, 0, "hello", &out), 0);
	assert_non_null(strstr(text, "you said: hello"));
}

static void test_changes(void **state)
{
	static const uint8_t bytes[] = "\x03#$}*";
	uint8_t raw[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct target_points_ops *points = target->ops->points;

	(void)state;
	attach();
	assert_int_equal(target->ops->memw->write(target, 0, TARGET_VIRT, TARGET_FAKE_RAM, bytes,
						  sizeof(bytes)),
			 0);
	assert_memory_equal(guest.fake.ram, bytes, sizeof(bytes));
	assert_int_equal(
		target->ops->memw->write(target, 0, TARGET_VIRT, TARGET_FAKE_ROM, bytes, 1),
		ST_FAULT);
	assert_int_equal(target->ops->regsw->write(target, 0, X86_64_rax, raw), 0);
	assert_int_equal(x86_64_get(&guest.fake.regs[0], X86_64_rax), 0x0807060504030201);
	assert_int_equal(points->insert(target, TARGET_POINT_SW, TARGET_FAKE_ROM + 9, 1), 0);
	assert_int_equal(points->insert(target, TARGET_POINT_SW, TARGET_FAKE_ROM + 9, 1), 0);
	assert_int_equal(points->remove(target, TARGET_POINT_SW, TARGET_FAKE_ROM + 9, 1), 0);
	/* Whoever cannot be believed: a guest that lists more vCPUs than it has does not get here.
	 */
	assert_true(target->explain(target) != NULL);
}

/* A step goes on while the pc is in the range, in the guest; the reason arrives in words. */
static void test_runs(void **state)
{
	struct target_stop stop;

	(void)state;
	attach();
	pthread_mutex_lock(&guest.lock);
	guest.fake.stops[0] = (struct target_stop){ .kind = TARGET_STOP_STEP,
						    .signal = TARGET_SIGTRAP,
						    .text = reason };
	guest.fake.stops[1] = (struct target_stop){ .kind = TARGET_STOP_SWBREAK,
						    .signal = TARGET_SIGTRAP,
						    .vcpu = 1 };
	guest.fake.nstops = 2;
	pthread_mutex_unlock(&guest.lock);
	resume(TARGET_STEP, 0, 0);
	wait_stop(&stop);
	assert_non_null(stop.text);
	assert_string_equal(stop.text, reason);
	assert_int_equal(guest.fake.actions[0], TARGET_STEP);
	/* The words are gone with the stop. */
	resume(TARGET_CONT, 0, 0);
	wait_stop(&stop);
	assert_int_equal(stop.kind, TARGET_STOP_SWBREAK);
	assert_int_equal(stop.vcpu, 1);
	assert_null(stop.text);
	assert_int_equal(target->ops->run->poll(target, &stop), 0);
}

static void test_interrupt(void **state)
{
	struct target_stop stop;

	(void)state;
	attach();
	resume(TARGET_CONT, 0, 0);
	assert_int_equal(target->ops->run->poll(target, &stop), 0);
	assert_int_equal(target->ops->run->interrupt(target), 0);
	wait_stop(&stop);
	assert_int_equal(stop.signal, TARGET_SIGINT);
}

/* Stopped or running, the end of the session is all that it takes; and another follows. */
static void test_detach(void **state)
{
	(void)state;
	attach();
	assert_int_equal(target->ops->run->detach(target, false), 0);
	wait_session_over();
	assert_true(guest.fake.detached);
	attach();
	resume(TARGET_CONT, 0, 0);
	assert_int_equal(target->ops->run->detach(target, true), 0);
	wait_session_over();
	assert_int_equal(guest.sessions, 2);
	assert_int_equal(stub_backend.fd(target), -1);
	/* Harmless without a session. */
	stub_backend.tick(target);
	assert_int_equal(target->ops->run->detach(target, true), 0);
}

static void test_lost(void **state)
{
	struct target_stop stop;
	uint8_t byte;
	int status;

	(void)state;
	attach();
	resume(TARGET_CONT, 0, 0);
	guest_stop();
	while ((status = target->ops->run->poll(target, &stop)) == 0)
		usleep(100);
	assert_int_equal(status, ST_GONE);
	assert_int_equal(target->ops->mem->read(target, 0, TARGET_VIRT, TARGET_FAKE_RAM, &byte, 1),
			 ST_GONE);
	assert_non_null(strstr(target->explain(target), "connection lost"));
	assert_int_equal(target->ops->run->detach(target, false), 0);
}

static void test_absent(void **state)
{
	struct target_stop stop;
	struct err err;

	(void)state;
	pthread_mutex_lock(&guest.lock);
	guest.deaf = true;
	pthread_mutex_unlock(&guest.lock);
	assert_int_equal(stub_backend.attach(target, &stop, &err), ST_TIMEOUT);
	assert_non_null(strstr(err.text, spec));
	assert_non_null(strstr(err.text, "no answer"));
	guest_stop();
	assert_int_equal(stub_backend.attach(target, &stop, &err), ST_GONE);
	assert_non_null(strstr(err.text, "is the module loaded"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_looks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
