/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The toy's memory, the struct port of the stub in it, its threads, and what a test does to it
 * from outside. Everything that CPUs and the test share is atomic or behind the machine's lock.
 */
#include "tests/fake/stub_machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ENTRY_RW = 3, /* present, writable */
	ENTRY_RO = 1,
	ENTRY_USER = 4,
	ENTRY_MASK = 7,
	STACK_BYTES = 256,
	EFLAGS_IDLE = 0x202, /* interrupts on */
	KERNEL_CS = 0x10,
	RUNS_MS = 10000, /* real time until a CPU counts as stuck */
	TEARDOWN_MS = 100000,
	DEVICE_GPA = 0x40000000,
};
#define ENTRY_NX (1ull << 63)

static struct stub_machine *to_machine(struct port *p)
{
	return CONTAINER_OF(p, struct stub_machine, port);
}

/* --- memory: the page tables grow from page 1, the rest is given out behind them --- */

enum { TEXT_PAGE = 16, DATA_PAGE, USER_PAGE, PLAIN_PAGE = 24 };

static uint64_t *entry_of(struct stub_machine *m, uint64_t table, uint64_t addr, unsigned int shift)
{
	return (uint64_t *)(void *)(m->ram + table) + (addr >> shift) % 512;
}

static void map(struct stub_machine *m, uint64_t addr, uint64_t gpa, uint64_t rights)
{
	uint64_t table = m->cr3;
	unsigned int shift;

	for (shift = 39; shift > 12; shift -= 9) {
		uint64_t *entry = entry_of(m, table, addr, shift);

		if (!*entry)
			*entry = (uint64_t)(++m->tables) * PAGE_BYTES | ENTRY_RW | ENTRY_USER;
		table = *entry & ~(uint64_t)ENTRY_MASK;
	}
	*entry_of(m, table, addr, 12) = gpa | rights;
}

static void build_memory(struct stub_machine *m)
{
	unsigned int i;

	m->tables = 1;
	m->cr3 = PAGE_BYTES;
	map(m, STUB_MACHINE_TEXT, TEXT_PAGE * PAGE_BYTES, ENTRY_RO);
	map(m, STUB_MACHINE_DATA, DATA_PAGE * PAGE_BYTES, ENTRY_RW | ENTRY_NX);
	map(m, STUB_MACHINE_USER, USER_PAGE * PAGE_BYTES, ENTRY_RO | ENTRY_USER);
	map(m, STUB_MACHINE_DEVICE, DEVICE_GPA, ENTRY_RW | ENTRY_NX);
	for (i = 0; i < STUB_MACHINE_PLAIN_BYTES; i++) {
		uint64_t gpa = (PLAIN_PAGE - 2ull * (i / PAGE_BYTES)) * PAGE_BYTES;

		if (i % PAGE_BYTES == 0)
			map(m, STUB_MACHINE_PLAIN + i, gpa, ENTRY_RW);
		m->ram[gpa + i % PAGE_BYTES] = (uint8_t)(i * 7 + i / PAGE_BYTES) & 0x7f;
	}
}

/* --- struct port: the link --- */

static uint32_t port_session(struct port *p)
{
	struct stub_machine *m = to_machine(p);
	uint32_t number;

	pthread_mutex_lock(&m->lock);
	number = m->session_seen = m->session;
	pthread_mutex_unlock(&m->lock);
	return number;
}

static size_t take(struct stub_machine_queue *q, void *buf, size_t len)
{
	size_t n = q->end - q->start;

	if (n > len)
		n = len;
	memcpy(buf, q->bytes + q->start, n);
	q->start += n;
	if (q->start == q->end)
		q->start = q->end = 0;
	return n;
}

static size_t put(struct stub_machine_queue *q, const void *data, size_t len)
{
	size_t n = sizeof(q->bytes) - q->end;

	if (n > len)
		n = len;
	memcpy(q->bytes + q->end, data, n);
	q->end += n;
	return n;
}

static size_t port_recv(struct port *p, void *buf, size_t len)
{
	struct stub_machine *m = to_machine(p);
	size_t n = 0;

	pthread_mutex_lock(&m->lock);
	/* Never bytes of a session that the stub does not know of. */
	if (m->session == m->session_seen)
		n = take(&m->to_stub, buf, len);
	pthread_mutex_unlock(&m->lock);
	return n;
}

static size_t port_send(struct port *p, const void *buf, size_t len)
{
	struct stub_machine *m = to_machine(p);
	size_t n = 0;

	pthread_mutex_lock(&m->lock);
	if (m->session == m->session_seen)
		n = put(&m->from_stub, buf, len);
	pthread_mutex_unlock(&m->lock);
	return n;
}

static uint32_t port_beat(struct port *p)
{
	return __atomic_load_n(&to_machine(p)->beat, __ATOMIC_RELAXED);
}

static void port_hang_up(struct port *p)
{
	__atomic_add_fetch(&to_machine(p)->hung_up, 1, __ATOMIC_RELEASE);
}

/* --- struct port: time and CPUs --- */

static uint64_t port_now(struct port *p)
{
	return __atomic_load_n(&to_machine(p)->clock, __ATOMIC_RELAXED);
}

static void port_relax(struct port *p)
{
	struct stub_machine *m = to_machine(p);

	m->relax(m);
}

static void others_run(struct stub_machine *m)
{
	(void)m;
	sched_yield();
}

static unsigned int port_count(struct port *p)
{
	return to_machine(p)->cpus;
}

static bool port_online(struct port *p, unsigned int cpu)
{
	return !__atomic_load_n(&to_machine(p)->cpu[cpu].offline, __ATOMIC_ACQUIRE);
}

static int port_name(struct port *p, unsigned int cpu, char *buf, size_t size)
{
	(void)p;
	snprintf(buf, size, "toy %u", cpu);
	return 0;
}

static void port_kick(struct port *p, unsigned int cpu)
{
	__atomic_store_n(&to_machine(p)->cpu[cpu].nmi, 1, __ATOMIC_RELEASE);
}

static void port_sync_core(struct port *p)
{
	(void)p; /* the toy has no caches */
}

static void port_stopped(struct port *p)
{
	__atomic_add_fetch(&to_machine(p)->stopped, 1, __ATOMIC_RELAXED);
}

static void port_resuming(struct port *p)
{
	__atomic_add_fetch(&to_machine(p)->resumed, 1, __ATOMIC_RELAXED);
}

static void port_leaving(struct port *p, unsigned int cpu)
{
	struct stub_machine *m = to_machine(p);

	pthread_mutex_lock(&m->lock);
	memcpy(m->cpu[cpu].hw, m->hw, sizeof(m->hw));
	pthread_mutex_unlock(&m->lock);
}

/* --- struct port: memory and points --- */

static int port_phys_read(struct port *p, uint64_t gpa, void *buf, size_t len)
{
	struct stub_machine *m = to_machine(p);

	if (gpa >= sizeof(m->ram) || len > sizeof(m->ram) - gpa)
		return ST_FAULT;
	stub_machine_bytes_get(m->ram + gpa, buf, len);
	return 0;
}

static int port_phys_write(struct port *p, uint64_t gpa, const void *buf, size_t len)
{
	struct stub_machine *m = to_machine(p);

	if (gpa >= sizeof(m->ram) || len > sizeof(m->ram) - gpa)
		return ST_FAULT;
	stub_machine_bytes_put(m->ram + gpa, buf, len);
	return 0;
}

static int port_text_check(struct port *p, uint64_t addr, const char **why)
{
	(void)p;
	if (addr < STUB_MACHINE_TEXT + STUB_MACHINE_REFUSED ||
	    addr >= STUB_MACHINE_TEXT + STUB_MACHINE_TEXT_BYTES)
		return 0;
	*why = "the toy's trap handlers need it";
	return ST_POLICY;
}

static int port_hw_set(struct port *p, unsigned int slot, const struct port_hw *hw)
{
	struct stub_machine *m = to_machine(p);
	int status = 0;

	pthread_mutex_lock(&m->lock);
	if (slot >= TARGET_HW_POINTS - m->hw_taken)
		status = ST_NOSPC;
	else
		m->hw[slot] = *hw;
	pthread_mutex_unlock(&m->lock);
	return status;
}

static const char *port_hw_why(struct port *p)
{
	(void)p;
	return "the toy has debug registers";
}

static bool port_monitor(struct port *p, unsigned int cpu, const char *line, struct buf *out)
{
	(void)p;
	(void)cpu;
	if (strcmp(line, "toy") && strcmp(line, "help"))
		return false;
	buf_put_text(out, "monitor toy                     a machine for tests\n");
	return true;
}

static void port_log(struct port *p, const char *text)
{
	struct stub_machine *m = to_machine(p);
	size_t used;

	pthread_mutex_lock(&m->lock);
	used = strlen(m->log);
	snprintf(m->log + used, sizeof(m->log) - used, "%s\n", text);
	pthread_mutex_unlock(&m->lock);
}

/* Different each time; that nobody can guess it is not what tests are about. */
static bool port_random(struct port *p, uint8_t *ret)
{
	struct stub_machine *m = to_machine(p);
	static uint32_t count;
	unsigned int i;

	if (__atomic_load_n(&m->no_random, __ATOMIC_ACQUIRE))
		return false;
	for (i = 0; i < NOISE_KEY; i += 4)
		put_le32(ret + i, __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) * 2654435761u);
	return true;
}

static const struct port_ops ops = {
	.session = port_session,
	.recv = port_recv,
	.send = port_send,
	.beat = port_beat,
	.hang_up = port_hang_up,
	.random = port_random,
	.now_ms = port_now,
	.relax = port_relax,
	.cpu_count = port_count,
	.cpu_online = port_online,
	.cpu_name = port_name,
	.kick = port_kick,
	.sync_core = port_sync_core,
	.stopped = port_stopped,
	.resuming = port_resuming,
	.leaving = port_leaving,
	.phys_read = port_phys_read,
	.phys_write = port_phys_write,
	.text_check = port_text_check,
	.hw_set = port_hw_set,
	.hw_why = port_hw_why,
	.monitor = port_monitor,
	.log = port_log,
};

/* --- beginning and end --- */

void stub_machine_code(struct stub_machine *m, unsigned int offset, const void *code, size_t len)
{
	memcpy(m->ram + TEXT_PAGE * PAGE_BYTES + offset, code, len);
}

void stub_machine_entry(struct stub_machine *m, unsigned int cpu, unsigned int offset)
{
	x86_64_set(&m->cpu[cpu].regs, X86_64_rip, STUB_MACHINE_TEXT + offset);
}

static void init_cpu(struct stub_machine *m, unsigned int i)
{
	struct stub_machine_cpu *c = &m->cpu[i];

	c->machine = m;
	c->number = i;
	x86_64_regs_clear(&c->regs);
	x86_64_set(&c->regs, X86_64_rax, 0x40 + i);
	x86_64_set(&c->regs, X86_64_rsp, STUB_MACHINE_DATA + PAGE_BYTES - i * STACK_BYTES);
	x86_64_set(&c->regs, X86_64_eflags, EFLAGS_IDLE);
	x86_64_set(&c->regs, X86_64_cs, KERNEL_CS);
	x86_64_set(&c->regs, X86_64_cr3, m->cr3);
	x86_64_set(&c->regs, X86_64_cr4, 0);
	stub_machine_entry(m, i, 0);
}

struct stub_machine *stub_machine_create(unsigned int cpus)
{
	static const uint8_t loop[] = { 0x90, 0x90, 0x90, 0x90, 0xeb, 0xfa };
	static const uint8_t iret = 0xcf;
	struct stub_machine *m = calloc(1, sizeof(*m));
	unsigned int i;

	if (!m)
		abort();
	m->port.ops = &ops;
	m->relax = others_run;
	m->cpus = cpus;
	pthread_mutex_init(&m->lock, NULL);
	build_memory(m);
	memset(m->ram + TEXT_PAGE * PAGE_BYTES, 0x90, PAGE_BYTES);
	stub_machine_code(m, 0, loop, sizeof(loop));
	stub_machine_code(m, STUB_MACHINE_HANDLER, &iret, sizeof(iret));
	for (i = 0; i < cpus; i++)
		init_cpu(m, i);
	return m;
}

static void *cpu_thread(void *arg)
{
	struct stub_machine_cpu *c = arg;

	while (!__atomic_load_n(&c->machine->quit, __ATOMIC_ACQUIRE))
		if (!__atomic_load_n(&c->offline, __ATOMIC_ACQUIRE))
			stub_machine_step(c->machine, c->number);
	return NULL;
}

void stub_machine_start(struct stub_machine *m, const struct stub_config *config, bool threads)
{
	unsigned int i;

	/* Of exactly this size, so that a sanitizer sees an overrun. */
	m->stub_mem = calloc(1, stub_memory(m->cpus, config->seal));
	if (!m->stub_mem)
		abort();
	stub_init(&m->stub, &m->port, config, m->stub_mem);
	memcpy(m->text, m->ram + TEXT_PAGE * PAGE_BYTES, sizeof(m->text));
	for (i = 0; threads && i < m->cpus; i++) {
		if (pthread_create(&m->cpu[i].thread, NULL, cpu_thread, &m->cpu[i]))
			abort();
		m->threads++;
	}
}

void stub_machine_destroy(struct stub_machine *m)
{
	unsigned int i;

	if (!m)
		return;
	__atomic_store_n(&m->quit, 1, __ATOMIC_RELEASE);
	/* A CPU that waits for another one has waited long enough: that one may be gone already. */
	stub_machine_pass(m, TEARDOWN_MS);
	for (i = 0; i < m->threads; i++)
		pthread_join(m->cpu[i].thread, NULL);
	pthread_mutex_destroy(&m->lock);
	free(m->stub_mem);
	free(m);
}

/* --- what a test sees and does --- */

bool stub_machine_text_intact(struct stub_machine *m)
{
	uint8_t now[STUB_MACHINE_TEXT_BYTES];

	stub_machine_bytes_get(m->ram + TEXT_PAGE * PAGE_BYTES, now, sizeof(now));
	return !memcmp(now, m->text, sizeof(now));
}

static uint64_t real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool stub_machine_cpu_runs(struct stub_machine *m, unsigned int cpu)
{
	uint32_t *steps = &m->cpu[cpu].steps, before = __atomic_load_n(steps, __ATOMIC_RELAXED);
	uint64_t until = real_ms() + RUNS_MS;

	while (__atomic_load_n(steps, __ATOMIC_RELAXED) == before) {
		if (real_ms() > until)
			return false;
		sched_yield();
	}
	return true;
}

bool stub_machine_runs(struct stub_machine *m)
{
	unsigned int i;

	for (i = 0; i < m->cpus; i++)
		if (!__atomic_load_n(&m->cpu[i].offline, __ATOMIC_ACQUIRE) &&
		    !stub_machine_cpu_runs(m, i))
			return false;
	return true;
}

bool stub_machine_end(struct stub_machine *m)
{
	uint64_t until = real_ms() + RUNS_MS;

	stub_machine_disconnect(m);
	while (!stub_machine_text_intact(m)) {
		if (real_ms() > until)
			return false;
		sched_yield();
	}
	return stub_machine_runs(m);
}

void stub_machine_event(struct stub_machine *m, unsigned int cpu, enum stub_machine_event event)
{
	__atomic_store_n(&m->cpu[cpu].event, event, __ATOMIC_RELEASE);
}

void stub_machine_pass(struct stub_machine *m, uint64_t ms)
{
	__atomic_add_fetch(&m->clock, ms, __ATOMIC_RELAXED);
}

void stub_machine_connect(struct stub_machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->to_stub.start = m->to_stub.end = 0;
	m->from_stub.start = m->from_stub.end = 0;
	m->session = ++m->sessions;
	pthread_mutex_unlock(&m->lock);
}

void stub_machine_disconnect(struct stub_machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->session = 0;
	pthread_mutex_unlock(&m->lock);
}

bool stub_machine_logged(struct stub_machine *m, const char *text)
{
	bool found;

	pthread_mutex_lock(&m->lock);
	found = strstr(m->log, text);
	pthread_mutex_unlock(&m->lock);
	return found;
}

size_t stub_machine_send(struct stub_machine *m, const void *data, size_t len)
{
	size_t n;

	pthread_mutex_lock(&m->lock);
	n = put(&m->to_stub, data, len);
	pthread_mutex_unlock(&m->lock);
	return n;
}

size_t stub_machine_receive(struct stub_machine *m, void *buf, size_t len)
{
	size_t n;

	pthread_mutex_lock(&m->lock);
	n = take(&m->from_stub, buf, len);
	pthread_mutex_unlock(&m->lock);
	return n;
}
