/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host/target/remote.c against a server with the quirks of QEMU 7.2's gdbstub (facts: qemu.md 8):
 * acknowledgements, 4 KiB packets, a stop reply that nobody asked for, reads that fail as a whole,
 * a description in two files, a machine that stops at any byte. The server is a thread on a socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/target/remote.h"

enum {
	PACKET_MAX = 4096,
	MEM_START = 0x1000,
	MEM_BYTES = 3 * 4096,
	STUB_VCPUS = 2,
	G_BYTES = 8 * 2 + 4, /* rax, rip, eflags */
};

static const enum target_action all_run[STUB_VCPUS] = { TARGET_CONT, TARGET_CONT };

/* --- a QEMU --- */

struct stub {
	int fd;
	pthread_t thread;
	bool running, physical;
	unsigned int g_reads, selects, unexpected;
	char last[PACKET_MAX]; /* the last request that was not a query */
	uint8_t mem[MEM_BYTES];
	uint64_t rax[STUB_VCPUS];
	unsigned int selected;
	bool close_on_cont;
};

static const char target_xml[] =
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	"<target><architecture>i386:x86-64</architecture>"
	"<xi:include href=\"i386-64bit.xml\"/></target>";
static const char core_xml[] =
	"<?xml version=\"1.0\"?><feature name=\"org.gnu.gdb.i386.core\">"
	"<reg name=\"rax\" bitsize=\"64\" type=\"int64\" regnum=\"0\"/>"
	"<reg name=\"rip\" bitsize=\"64\" type=\"code_ptr\"/>"
	"<reg name=\"eflags\" bitsize=\"32\" type=\"i386_eflags\"/></feature>";

static void stub_put(struct stub *s, const char *data, size_t len)
{
	uint8_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)data[i]);
	dprintf(s->fd, "$%.*s#%02x", (int)len, data, sum);
}

static void stub_reply(struct stub *s, const char *text)
{
	stub_put(s, text, strlen(text));
}

static void stub_xfer(struct stub *s, const char *xml, const char *window)
{
	char out[512];
	unsigned int off = 0, len = 0;
	size_t total = strlen(xml);

	sscanf(window, "%x,%x", &off, &len);
	if (len > 100)
		len = 100; /* several chunks */
	if (off >= total)
		snprintf(out, sizeof(out), "l");
	else
		snprintf(out, sizeof(out), "%c%.*s", off + len >= total ? 'l' : 'm', (int)len,
			 xml + off);
	stub_reply(s, out);
}

static void stub_mem(struct stub *s, const char *args)
{
	static char hex[2 * PACKET_MAX + 1];
	unsigned long addr = 0, len = 0;
	size_t i;

	sscanf(args, "%lx,%lx", &addr, &len);
	if (len > PACKET_MAX / 2) {
		stub_reply(s, "E22");
		return;
	}
	if (addr < MEM_START || addr + len > MEM_START + MEM_BYTES) {
		stub_reply(s, "E14"); /* as a whole, however much was good */
		return;
	}
	for (i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", s->mem[addr - MEM_START + i]);
	stub_put(s, hex, 2 * len);
}

static void stub_write(struct stub *s, const char *args)
{
	unsigned long addr = 0, len = 0;
	const char *hex = strchr(args, ':');
	unsigned int byte;
	size_t i;

	sscanf(args, "%lx,%lx", &addr, &len);
	for (i = 0; i < len && sscanf(hex + 1 + 2 * i, "%2x", &byte) == 1; i++)
		s->mem[addr - MEM_START + i] = (uint8_t)byte;
	stub_reply(s, "OK");
}

static void stub_regs(struct stub *s)
{
	char out[2 * G_BYTES + 1];
	uint8_t raw[G_BYTES] = { 0 };
	size_t i;

	s->g_reads++;
	put_le64(raw, s->rax[s->selected]);
	put_le64(raw + 8, 0xffffffff81000000);
	put_le32(raw + 16, 0x202);
	for (i = 0; i < sizeof(raw); i++)
		sprintf(out + 2 * i, "%02x", raw[i]);
	stub_reply(s, out);
}

static bool is(const char *packet, const char *prefix)
{
	return strncmp(packet, prefix, strlen(prefix)) == 0;
}

static void stub_query(struct stub *s, const char *p)
{
	if (is(p, "qSupported"))
		stub_reply(s, "PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+");
	else if (is(p, "qXfer:features:read:target.xml:"))
		stub_xfer(s, target_xml, p + strlen("qXfer:features:read:target.xml:"));
	else if (is(p, "qXfer:features:read:i386-64bit.xml:"))
		stub_xfer(s, core_xml, p + strlen("qXfer:features:read:i386-64bit.xml:"));
	else if (is(p, "qfThreadInfo"))
		stub_reply(s, "mp01.01");
	else if (is(p, "qsThreadInfo"))
		stub_reply(s, s->selects++ % 2 ? "l" : "mp01.02");
	else if (is(p, "qThreadExtraInfo"))
		stub_reply(s, "4350552330205b72756e6e696e675d");
	else
		stub_reply(s, "");
}

static void stub_select(struct stub *s, const char *thread)
{
	unsigned int pid, tid = 1;

	if (sscanf(thread, "p%x.%x", &pid, &tid) < 1)
		sscanf(thread, "%x", &tid);
	if (tid < 1 || tid > STUB_VCPUS)
		s->unexpected++;
	else
		s->selected = tid - 1;
	stub_reply(s, "OK");
}

static void stub_packet(struct stub *s, const char *p)
{
	if (p[0] != 'q')
		snprintf(s->last, sizeof(s->last), "%.200s", p);
	if (p[0] == 'q')
		stub_query(s, p);
	else if (is(p, "Qqemu.PhyMemMode:")) {
		s->physical = p[strlen("Qqemu.PhyMemMode:")] == '1';
		stub_reply(s, "OK");
	} else if (is(p, "H"))
		stub_select(s, p + 2);
	else if (is(p, "?"))
		stub_reply(s, "T05thread:p01.01;");
	else if (is(p, "g"))
		stub_regs(s);
	else if (is(p, "m"))
		stub_mem(s, p + 1);
	else if (is(p, "M"))
		stub_write(s, p + 1);
	else if (is(p, "P0=")) {
		s->rax[s->selected] = 0x99;
		stub_reply(s, "OK");
	} else if (is(p, "vCont;")) {
		s->running = true;
		if (s->close_on_cont)
			shutdown(s->fd, SHUT_RDWR);
	} else if (is(p, "Z3"))
		stub_reply(s, "");
	else if (is(p, "Z") || is(p, "z"))
		stub_reply(s, is(p, "Z1,dead") ? "E22" : "OK");
	else if (is(p, "D"))
		stub_reply(s, "OK");
	else
		s->unexpected++;
}

static void *stub_main(void *arg)
{
	struct stub *s = arg;
	static char packet[PACKET_MAX + 1];
	int len = -1, tail = 0;
	char c;

	stub_reply(s, "T02thread:01;"); /* connecting stopped the machine */
	while (read(s->fd, &c, 1) == 1) {
		if (s->running) { /* any byte stops it */
			if (c != 0x03)
				s->unexpected++;
			s->running = false;
			stub_reply(s, "T02thread:p01.02;");
		} else if (c == '$') {
			len = tail = 0;
		} else if (c == '#') {
			tail = 1;
		} else if (tail && tail++ == 2) {
			packet[len] = '\0';
			tail = 0;
			len = -1;
			(void)!write(s->fd, "+", 1);
			stub_packet(s, packet);
		} else if (!tail && len >= 0 && len < PACKET_MAX) {
			packet[len++] = c;
		}
	}
	return NULL;
}

/* --- the channel to it --- */

static ssize_t fd_read(struct chan *c, void *buf, size_t len)
{
	ssize_t n = read(c->rfd, buf, len);

	if (n > 0)
		return n;
	return n < 0 && errno == EAGAIN ? 0 : ST_GONE;
}

static ssize_t fd_write(struct chan *c, const void *buf, size_t len)
{
	ssize_t n = send(c->wfd, buf, len, MSG_NOSIGNAL);

	return n >= 0 ? n : errno == EAGAIN ? 0 : ST_GONE;
}

static void fd_destroy(struct chan *c)
{
	close(c->rfd);
	free(c);
}

static const struct chan_ops fd_ops = { .read = fd_read, .write = fd_write, .destroy = fd_destroy };

struct fixture {
	struct stub stub;
	struct target *t;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct chan *chan = calloc(1, sizeof(*chan));
	struct err err = { .text = "" };
	int pair[2];
	size_t i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	f->stub.fd = pair[0];
	f->stub.rax[0] = 0x1111;
	f->stub.rax[1] = 0x2222;
	for (i = 0; i < MEM_BYTES; i++)
		f->stub.mem[i] = (uint8_t)(i * 7 + i / 4096);
	pthread_create(&f->stub.thread, NULL, stub_main, &f->stub);
	*chan = (struct chan){ .ops = &fd_ops, .rfd = pair[1], .wfd = pair[1] };
	assert_int_equal(remote_create(chan, &f->t, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	remote_destroy(f->t);
	pthread_join(f->stub.thread, NULL);
	assert_int_equal(f->stub.unexpected, 0);
	close(f->stub.fd);
	free(f);
	return 0;
}

static void learns(void **state)
{
	struct fixture *f = *state;
	char name[RSP_NAME_MAX];

	assert_int_equal(f->t->ops->vcpus->count(f->t), STUB_VCPUS);
	assert_int_equal(f->t->ops->vcpus->name(f->t, 0, name, sizeof(name)), 0);
	assert_string_equal(name, "CPU#0 [running]");
}

static int read_virt(struct fixture *f, uint64_t addr, void *buf, size_t len)
{
	return f->t->ops->mem->read(f->t, 0, TARGET_VIRT, addr, buf, len);
}

static void reads_are_exact(void **state)
{
	struct fixture *f = *state;
	uint8_t got[2 * MEM_BYTES];

	assert_int_equal(read_virt(f, MEM_START, got, MEM_BYTES), MEM_BYTES);
	assert_memory_equal(got, f->stub.mem, MEM_BYTES);
	/* Over the end: QEMU fails all of it, we give what is there. */
	assert_int_equal(read_virt(f, MEM_START + 10, got, sizeof(got)), MEM_BYTES - 10);
	assert_memory_equal(got, f->stub.mem + 10, MEM_BYTES - 10);
	assert_int_equal(read_virt(f, MEM_START + MEM_BYTES, got, 8), ST_FAULT);
	assert_int_equal(read_virt(f, MEM_START - 1, got, 8), ST_FAULT);
}

static void writes(void **state)
{
	struct fixture *f = *state;
	uint8_t data[6000], got[6000];

	memset(data, 0x42, sizeof(data));
	assert_int_equal(
		f->t->ops->memw->write(f->t, 0, TARGET_VIRT, MEM_START + 3, data, sizeof(data)), 0);
	assert_int_equal(read_virt(f, MEM_START + 3, got, sizeof(got)), (int)sizeof(got));
	assert_memory_equal(got, data, sizeof(data));
	assert_int_equal(f->t->ops->memw->write(f->t, 0, TARGET_VIRT, MEM_START + MEM_BYTES - 5000,
						data, sizeof(data)),
			 ST_FAULT);
	assert_int_not_equal(f->stub.mem[MEM_BYTES - 10], 0x42);
}

static void physical(void **state)
{
	struct fixture *f = *state;
	uint8_t byte;

	assert_int_equal(f->t->ops->mem->read(f->t, 0, TARGET_PHYS, MEM_START, &byte, 1), 1);
	assert_true(f->stub.physical);
	assert_int_equal(read_virt(f, MEM_START, &byte, 1), 1);
	assert_false(f->stub.physical);
}

static uint64_t rax(struct fixture *f, unsigned int vcpu)
{
	struct x86_64_regs regs;

	assert_int_equal(f->t->ops->regs->read(f->t, vcpu, &regs), 0);
	return x86_64_get(&regs, X86_64_rax);
}

static void registers_once_a_stop(void **state)
{
	struct fixture *f = *state;
	const struct target_resume cont = { .actions = all_run, .count = STUB_VCPUS };
	struct target_stop stop;
	uint8_t raw[8] = { 0x99 };

	assert_int_equal(rax(f, 0), 0x1111);
	assert_int_equal(rax(f, 1), 0x2222);
	assert_int_equal(rax(f, 0), 0x1111);
	assert_int_equal(f->stub.g_reads, 2);
	assert_int_equal(f->t->ops->regsw->write(f->t, 1, X86_64_rax, raw), 0);
	assert_int_equal(rax(f, 1), 0x99);
	assert_int_equal(f->stub.g_reads, 3);
	assert_int_equal(f->t->ops->regsw->write(f->t, 1, X86_64_cr3, raw), ST_UNSUPPORTED);

	assert_int_equal(f->t->ops->run->resume(f->t, &cont), 0);
	assert_int_equal(f->t->ops->run->poll(f->t, &stop), 0);
	assert_int_equal(f->t->ops->run->interrupt(f->t), 0);
	while (!f->t->ops->run->poll(f->t, &stop))
		;
	assert_int_equal(stop.signal, TARGET_SIGINT);
	assert_int_equal(stop.vcpu, 1);
	assert_int_equal(rax(f, 0), 0x1111);
	assert_int_equal(f->stub.g_reads, 4);
}

static void points(void **state)
{
	struct fixture *f = *state;
	const struct target_points_ops *ops = f->t->ops->points;

	assert_int_equal(ops->insert(f->t, TARGET_POINT_HW, 0x1000, 1), 0);
	assert_string_equal(f->stub.last, "Z1,1000,1");
	assert_int_equal(ops->remove(f->t, TARGET_POINT_HW, 0x1000, 1), 0);
	assert_string_equal(f->stub.last, "z1,1000,1");
	assert_int_equal(ops->insert(f->t, TARGET_POINT_WATCH_READ, 0x1000, 4), ST_UNSUPPORTED);
	assert_true(ops->insert(f->t, TARGET_POINT_HW, 0xdead, 1) < 0);
	assert_non_null(strstr(f->t->explain(f->t), "E22"));
}

static void detaches(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->t->ops->run->detach(f->t, false), 0);
	assert_string_equal(f->stub.last, "?");
	assert_int_equal(f->t->ops->run->detach(f->t, true), 0);
	assert_string_equal(f->stub.last, "D;1");
}

static void detaches_while_running(void **state)
{
	struct fixture *f = *state;
	const struct target_resume cont = { .actions = all_run, .count = STUB_VCPUS };

	assert_int_equal(f->t->ops->run->resume(f->t, &cont), 0);
	assert_int_equal(f->t->ops->run->detach(f->t, true), 0);
	assert_string_equal(f->stub.last, "D;1");
}

static void server_dies(void **state)
{
	struct fixture *f = *state;
	const struct target_resume cont = { .actions = all_run, .count = STUB_VCPUS };
	struct target_stop stop;
	uint8_t byte;
	int status;

	f->stub.close_on_cont = true;
	assert_int_equal(f->t->ops->run->resume(f->t, &cont), 0);
	do {
		status = f->t->ops->run->poll(f->t, &stop);
	} while (status == 0);
	assert_int_equal(status, ST_GONE);
	assert_int_equal(read_virt(f, MEM_START, &byte, 1), ST_GONE);
	assert_true(f->t->ops->run->detach(f->t, true) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(learns),	TEST(reads_are_exact),	      TEST(writes),
		TEST(physical), TEST(registers_once_a_stop),  TEST(points),
		TEST(detaches), TEST(detaches_while_running), TEST(server_dies),
#undef TEST
	};

	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
