/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The two private connections. Exchanges block with a deadline: without QEMU there is nothing to
 * emulate. */
#include "machine.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"
#include "protocol/rsp_frame.h"
#include "stale.h"

enum {
	DEADLINE_MS = 20000,
	QMP_LINE = 1 << 20,
	/* QEMU 7.2's amd64 g packet: byte offsets of what sevsim looks at. */
	G_RIP = 128,
	G_CR0 = 188,
	G_CR3 = 204,
	G_CR4 = 212,
	G_EFER = 228,
};

void (*machine_event)(const json_t *event);
void (*machine_before_run)(void);
void (*machine_after_stop)(void);
void (*machine_stopped)(const char *reply);

static int qmp_sock = -1, gdb_sock = -1;
static char qmp_in[QMP_LINE];
static size_t qmp_len;
static struct rsp_frame frame;
static uint8_t packet[MACHINE_PACKET];
static uint8_t gdb_in[MACHINE_PACKET];
static size_t gdb_len, gdb_pos;
static unsigned int selected;
static bool running, physical;

int machine_qmp_fd(void)
{
	return qmp_sock;
}

int machine_gdb_fd(void)
{
	return gdb_sock;
}

static int dial(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int tries, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/private/%s", sim.dir, name);
	for (tries = 0; tries < DEADLINE_MS / 5; tries++) {
		if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
			return fd;
		usleep(5000);
	}
	close(fd);
	return -1;
}

static int send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, DEADLINE_MS) == 1 ? 0 : -1;
}

/* --- QMP --- */

static void event(const json_t *e)
{
	const char *name = json_string_value(json_object_get(e, "event"));

	if (strcmp(name, "STOP") && strcmp(name, "RESUME") && machine_event)
		machine_event(e);
}

/* The next complete line as JSON, or NULL when there is none in the buffer. */
static json_t *next_line(void)
{
	char *end = memchr(qmp_in, '\n', qmp_len);
	json_t *line;
	size_t len;

	if (!end)
		return NULL;
	len = (size_t)(end - qmp_in) + 1;
	line = json_loadb(qmp_in, len, 0, NULL);
	memmove(qmp_in, qmp_in + len, qmp_len - len);
	qmp_len -= len;
	return line ? line : json_object();
}

static int qmp_receive(void)
{
	ssize_t n = recv(qmp_sock, qmp_in + qmp_len, sizeof(qmp_in) - qmp_len, 0);

	if (n <= 0)
		return -1;
	qmp_len += (size_t)n;
	return 0;
}

static json_t *qmp_reply(void)
{
	for (;;) {
		json_t *line = next_line();

		if (!line) {
			if (wait_readable(qmp_sock) || qmp_receive())
				return NULL;
			continue;
		}
		if (!json_object_get(line, "event"))
			return line;
		event(line);
		json_decref(line);
	}
}

int machine_qmp_readable(void)
{
	json_t *line;

	if (qmp_receive())
		return -1;
	while ((line = next_line())) {
		if (json_object_get(line, "event"))
			event(line);
		json_decref(line);
	}
	return 0;
}

json_t *machine_execute(const char *command, json_t *args)
{
	json_t *request = json_pack("{s:s}", "execute", command);
	char *text;
	int status;

	if (args)
		json_object_set_new(request, "arguments", args);
	text = json_dumps(request, JSON_COMPACT);
	status = send_all(qmp_sock, text, strlen(text));
	free(text);
	json_decref(request);
	return status ? NULL : qmp_reply();
}

char *machine_hmp(const char *line)
{
	json_t *reply =
		machine_execute("human-monitor-command", json_pack("{s:s}", "command-line", line));
	const char *text = json_string_value(json_object_get(reply, "return"));
	char *copy = text ? strdup(text) : NULL;

	json_decref(reply);
	return copy;
}

/* --- gdbstub --- */

static int gdb_send(const char *text)
{
	uint8_t out[MACHINE_PACKET];
	struct rsp_out o;
	size_t len;

	rsp_out_begin(&o, out, sizeof(out));
	rsp_out_text(&o, text);
	len = rsp_out_end(&o);
	return len ? send_all(gdb_sock, out, len) : -1;
}

/* One packet: 1; nothing within @ms: 0; -1: gone. */
static int gdb_receive(int ms)
{
	for (;;) {
		struct pollfd p = { .fd = gdb_sock, .events = POLLIN };
		ssize_t n;

		while (gdb_pos < gdb_len) {
			size_t used;
			enum rsp_frame_event e =
				rsp_frame_input(&frame, gdb_in + gdb_pos, gdb_len - gdb_pos, &used);

			gdb_pos += used;
			if (e != RSP_FRAME_PACKET)
				continue;
			packet[frame.len] = '\0';
			return send_all(gdb_sock, "+", 1) ? -1 : 1;
		}
		if (poll(&p, 1, ms) <= 0)
			return 0;
		n = recv(gdb_sock, gdb_in, sizeof(gdb_in), 0);
		if (n <= 0)
			return -1;
		gdb_len = (size_t)n;
		gdb_pos = 0;
	}
}

const char *machine_gdb(const char *text)
{
	if (gdb_send(text) || gdb_receive(DEADLINE_MS) != 1)
		return NULL;
	return (const char *)packet;
}

int machine_select(unsigned int cpu)
{
	char text[32];
	const char *reply;

	if (cpu == selected)
		return 0;
	snprintf(text, sizeof(text), "Hg%02x", cpu + 1);
	reply = machine_gdb(text);
	if (!reply || strcmp(reply, "OK"))
		return -1;
	selected = cpu;
	return 0;
}

static uint64_t g_value(const char *g, size_t offset)
{
	uint64_t value = 0;
	int i;

	for (i = 7; i >= 0; i--) {
		unsigned int byte = 0;

		sscanf(g + 2 * (offset + (size_t)i), "%2x", &byte);
		value = value << 8 | byte;
	}
	return value;
}

int machine_cpu(unsigned int cpu, struct sim_cpu *ret)
{
	unsigned int before = selected;
	const char *g;

	if (machine_select(cpu))
		return -1;
	g = machine_gdb("g");
	if (!g || strlen(g) < 2 * (G_EFER + 8))
		return -1;
	*ret = (struct sim_cpu){ .rip = g_value(g, G_RIP),
				 .cr0 = g_value(g, G_CR0),
				 .cr3 = g_value(g, G_CR3),
				 .cr4 = g_value(g, G_CR4),
				 .efer = g_value(g, G_EFER) };
	return machine_select(before);
}

int machine_physical(bool on)
{
	const char *reply;

	if (on == physical)
		return 0;
	reply = machine_gdb(on ? "Qqemu.PhyMemMode:1" : "Qqemu.PhyMemMode:0");
	if (!reply || strcmp(reply, "OK"))
		return -1;
	physical = on;
	return 0;
}

int machine_write(uint64_t gpa, const void *data, size_t len)
{
	enum { CHUNK = 1024 };
	const uint8_t *p = data;
	char text[64 + 2 * CHUNK];
	bool good = !machine_physical(true);

	while (len && good) {
		size_t i, n = len < CHUNK ? len : CHUNK;
		int at = snprintf(text, sizeof(text), "M%llx,%zx:", (unsigned long long)gpa, n);
		const char *reply;

		for (i = 0; i < n; i++)
			at += snprintf(text + at, sizeof(text) - (size_t)at, "%02x", p[i]);
		reply = machine_gdb(text);
		good = reply && !strcmp(reply, "OK");
		gpa += n;
		p += n;
		len -= n;
	}
	return good ? 0 : -1;
}

/* --- run state --- */

static void announce(const char *name)
{
	struct timespec now;
	json_t *e;

	clock_gettime(CLOCK_REALTIME, &now);
	e = json_pack("{s:s, s:{s:I, s:I}}", "event", name, "timestamp", "seconds",
		      (json_int_t)now.tv_sec, "microseconds", (json_int_t)now.tv_nsec / 1000);
	if (machine_event)
		machine_event(e);
	json_decref(e);
}

/* With the stop reply still in `packet`: who waits for it gets it once RAM is ciphertext. */
static int stopped(void)
{
	struct sim_cpu cpus[SIM_CPUS_MAX];
	char reply[MACHINE_PACKET];
	unsigned int i;
	int status = 0;

	memcpy(reply, packet, frame.len + 1);
	running = false;
	if (machine_after_stop)
		machine_after_stop();
	for (i = 0; i < sim.ncpus; i++)
		status |= machine_cpu(i, &cpus[i]);
	if (status || stale_flush())
		return -1;
	sim.stops++;
	pthread_mutex_lock(&sim.lock);
	status = ram_encrypt(cpus);
	pthread_mutex_unlock(&sim.lock);
	announce("STOP");
	if (machine_stopped)
		machine_stopped(reply);
	return status;
}

static int about_to_run(void)
{
	int status;

	pthread_mutex_lock(&sim.lock);
	status = ram_decrypt();
	pthread_mutex_unlock(&sim.lock);
	if (!status)
		status = ram_write_back() | stale_flush();
	if (machine_before_run)
		machine_before_run();
	running = true;
	return status;
}

int machine_stop(void)
{
	if (!running)
		return 0;
	/* The gdbstub's way: QEMU answers with a stop reply, which is then the last thing it says.
	 */
	if (send_all(gdb_sock, "\x03", 1) || gdb_receive(DEADLINE_MS) != 1)
		return -1;
	return stopped();
}

int machine_cont(void)
{
	json_t *reply;

	if (running)
		return 0;
	if (about_to_run())
		return -1;
	reply = machine_execute("cont", NULL);
	if (!json_object_get(reply, "return")) {
		json_decref(reply);
		return -1;
	}
	json_decref(reply);
	announce("RESUME");
	return 0;
}

int machine_refresh(void)
{
	json_t *reply;
	int status;

	stale_heard();
	if (!running)
		return 0;
	if (send_all(gdb_sock, "\x03", 1) || gdb_receive(DEADLINE_MS) != 1)
		return -1;
	/* It stopped by itself just now. */
	if (strncmp((const char *)packet, "T02", 3))
		return stopped();
	status = stale_flush();
	reply = machine_execute("cont", NULL);
	if (!json_object_get(reply, "return"))
		status = -1;
	json_decref(reply);
	return status;
}

int machine_start(void)
{
	json_t *reply = machine_execute("cont", NULL);
	int status = json_object_get(reply, "return") ? 0 : -1;

	running = status == 0;
	json_decref(reply);
	return status;
}

int machine_resume(const char *text)
{
	if (running)
		return 0;
	if (about_to_run())
		return -1;
	announce("RESUME");
	return gdb_send(text);
}

int machine_interrupt(void)
{
	return running ? send_all(gdb_sock, "\x03", 1) : 0;
}

int machine_gdb_readable(void)
{
	int n = gdb_receive(0);
	char c;

	if (n < 0)
		return -1;
	if (n == 0)
		return recv(gdb_sock, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0 ? -1 : 0;
	if (!running || (packet[0] != 'T' && packet[0] != 'W'))
		return 0;
	return stopped();
}

/* --- start --- */

static int check_cpus(void)
{
	json_t *reply = machine_execute("query-cpus-fast", NULL);
	size_t n = json_array_size(json_object_get(reply, "return"));

	json_decref(reply);
	if (n == sim.ncpus && n && n <= SIM_CPUS_MAX)
		return 0;
	fprintf(stderr, "sevsim: %zu vCPUs, the command line says %u, at most %d\n", n, sim.ncpus,
		SIM_CPUS_MAX);
	return -1;
}

int machine_open(void)
{
	const char *reply;
	json_t *greeting, *ok;

	rsp_frame_init(&frame, packet, sizeof(packet) - 1, true);
	qmp_sock = dial("qmp");
	if (qmp_sock < 0)
		return -1;
	greeting = qmp_reply();
	ok = machine_execute("qmp_capabilities", NULL);
	json_decref(greeting);
	json_decref(ok);
	gdb_sock = dial("gdb");
	if (gdb_sock < 0 || check_cpus())
		return -1;
	/* As KVM: interrupts held off while stepping, timers not. */
	reply = machine_gdb("qSupported:multiprocess-");
	if (!reply || !machine_gdb("Qqemu.sstep=3") || machine_select(0))
		return -1;
	return layout_find();
}
