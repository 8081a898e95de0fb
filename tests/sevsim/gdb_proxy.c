/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * QEMU 7.2's gdbstub as it behaves with KVM on a SEV guest (facts: gdbstub.c, kvm-all.c, kvm.c): on
 * plain SEV registers are right, memory by virtual address fails, four debug registers; on SEV-ES
 * and SNP registers are stale, no breakpoint can be set and a step just runs.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "machine.h"
#include "points.h"
#include "protocol/rsp_frame.h"
#include "proxies.h"

enum { NAME_BYTES = 160, CR3_REG = 0x1d, CR3_HEX = 2 * 204, HEX64 = 16 };

static int listener = -1, client = -1;
static char name[NAME_BYTES], path[NAME_BYTES];
static struct rsp_frame frame;
static uint8_t packet[MACHINE_PACKET];
static bool waiting; /* a resume awaits its stop reply */
static bool physical;
static unsigned int g_cpu;
static bool plain_cr3[SIM_CPUS_MAX]; /* the client wrote a CR3 without C-bit */
static char stale[MACHINE_PACKET];

int gdb_proxy_fd(void)
{
	return client >= 0 ? client : listener;
}

json_t *gdb_proxy_chardev(void)
{
	char shown[NAME_BYTES + 32];

	if (listener < 0)
		return NULL;
	snprintf(shown, sizeof(shown), "%s%s,server=on", client < 0 ? "disconnected:" : "", name);
	return json_pack("{s:s, s:s, s:b}", "label", "gdb", "filename", shown, "frontend-open",
			 client >= 0);
}

static int listen_unix(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(path, sizeof(path), "%s", where);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.107s", where);
	unlink(where);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(fd, 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int listen_tcp(const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons((uint16_t)atoi(port)),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void shut(void)
{
	if (client >= 0)
		close(client);
	if (listener >= 0)
		close(listener);
	if (path[0])
		unlink(path);
	path[0] = '\0';
	client = listener = -1;
	waiting = false;
}

int gdb_proxy_open(const char *device)
{
	const char *port;

	shut();
	if (!strcmp(device, "none"))
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	if (!strncmp(name, "unix:", 5)) {
		listener = listen_unix(name + 5);
	} else {
		port = strrchr(name, ':');
		listener = port ? listen_tcp(port + 1) : -1;
	}
	return listener < 0 ? -1 : 0;
}

/* --- replies --- */

static void reply(const char *text)
{
	uint8_t out[MACHINE_PACKET];
	struct rsp_out o;
	size_t len;

	rsp_out_begin(&o, out, sizeof(out));
	rsp_out_text(&o, text ? text : "E01");
	len = rsp_out_end(&o);
	if (client >= 0)
		(void)!send(client, out, len, MSG_NOSIGNAL);
}

static void pass(const char *text)
{
	reply(machine_gdb(text));
}

static bool right_registers(void)
{
	return sim.type == SIM_SEV;
}

/* Turns the C-bit on or off in CR3's 16 hex digits (little endian). */
static void patch_cr3(char *hex, bool set)
{
	unsigned int byte = sim.cbit / 8, value = 0;
	char two[3];

	sscanf(hex + 2 * byte, "%2x", &value);
	value = set ? value | 1u << sim.cbit % 8 : value & ~(1u << sim.cbit % 8);
	snprintf(two, sizeof(two), "%02x", value & 0xff);
	memcpy(hex + 2 * byte, two, 2);
}

static bool has_cbit(const char *hex)
{
	unsigned int value = 0;

	sscanf(hex + 2 * (sim.cbit / 8), "%2x", &value);
	return value & 1u << sim.cbit % 8;
}

static void read_all(void)
{
	static char text[MACHINE_PACKET];
	const char *g;

	if (!right_registers() && stale[0]) {
		reply(stale);
		return;
	}
	g = machine_gdb("g");
	snprintf(text, sizeof(text), "%s", g ? g : "E01");
	if (strlen(text) > CR3_HEX + HEX64 && !plain_cr3[g_cpu])
		patch_cr3(text + CR3_HEX, true);
	reply(text);
}

static void read_one(const char *text)
{
	char value[MACHINE_PACKET];
	const char *got = machine_gdb(text);

	snprintf(value, sizeof(value), "%s", got ? got : "E01");
	if (strtoul(text + 1, NULL, 16) == CR3_REG && strlen(value) >= HEX64 && !plain_cr3[g_cpu])
		patch_cr3(value, true);
	reply(value);
}

static void write_one(char *text)
{
	char *value = strchr(text, '=');

	if (!right_registers()) {
		reply("OK");
		return;
	}
	if (value && strtoul(text + 1, NULL, 16) == CR3_REG && strlen(value + 1) >= HEX64) {
		plain_cr3[g_cpu] = !has_cbit(value + 1);
		patch_cr3(value + 1, false);
	}
	pass(text);
}

/* G with CR3 in it: QEMU's stub takes what it gets, so the C-bit has to come off here. */
static void write_all(char *text)
{
	if (!right_registers()) {
		reply("OK");
		return;
	}
	if (strlen(text + 1) >= CR3_HEX + HEX64) {
		plain_cr3[g_cpu] = !has_cbit(text + 1 + CR3_HEX);
		patch_cr3(text + 1 + CR3_HEX, false);
	}
	pass(text);
}

/* CR3 and table entries carry the C-bit, which QEMU's walk takes for an address outside RAM. */
bool gdb_proxy_walks(void)
{
	return right_registers() && plain_cr3[g_cpu];
}

static void memory(const char *text)
{
	if ((physical || gdb_proxy_walks()) && !machine_physical(physical))
		pass(text);
	else
		reply("E14");
}

/* --- running --- */

static void resume(const char *text)
{
	waiting = true;
	/* On protected guests the step request is refused by KVM and the error ignored: it runs. */
	if (machine_resume(right_registers() ? text : "c"))
		waiting = false;
}

static void detach(void)
{
	points_clear();
	reply("OK");
	machine_cont();
}

void gdb_proxy_stopped(const char *text)
{
	if (!waiting)
		return;
	waiting = false;
	reply(text);
}

static void select_cpu(const char *text)
{
	const char *dot = strchr(text, '.'), *number = dot ? dot + 1 : text + 2;
	unsigned int cpu = (unsigned int)strtoul(number, NULL, 16);

	if (text[1] == 'g' && cpu && cpu <= sim.ncpus && !machine_select(cpu - 1)) {
		g_cpu = cpu - 1;
		reply("OK");
	} else {
		pass(text);
	}
}

static void queries(const char *text)
{
	if (!strcmp(text, "qqemu.sstepbits"))
		reply("ENABLE=1,NOIRQ=2");
	else if (!strncmp(text, "Qqemu.PhyMemMode:", 17)) {
		physical = text[17] == '1';
		reply("OK");
	} else if (!strcmp(text, "QStartNoAckMode")) {
		reply("");
	} else if (!strncmp(text, "qRcmd,", 6)) {
		reply("E22");
	} else {
		pass(text);
	}
}

static void request(char *text)
{
	machine_select(g_cpu); /* ours may have looked at another one meanwhile */
	switch (text[0]) {
	case '?':
		points_clear();
		pass(text);
		break;
	case 'g':
		read_all();
		break;
	case 'G':
		write_all(text);
		break;
	case 'p':
		read_one(text);
		break;
	case 'P':
		write_one(text);
		break;
	case 'm':
	case 'M':
		memory(text);
		break;
	case 'Z':
	case 'z':
		reply(right_registers() ? points_request(text) : "E22");
		break;
	case 'c':
	case 's':
	case 'C':
	case 'S':
		resume(text);
		break;
	case 'D':
		detach();
		break;
	case 'k':
		reply("W00");
		json_decref(machine_execute("quit", NULL));
		break;
	case 'H':
		select_cpu(text);
		break;
	case 'v':
		if (!strncmp(text, "vCont;", 6))
			resume(text);
		else if (!strncmp(text, "vKill", 5))
			json_decref(machine_execute("quit", NULL));
		else
			pass(text);
		break;
	default:
		queries(text);
		break;
	}
}

static void welcome(void)
{
	bool was_running = !sim.stopped;

	client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (client < 0)
		return;
	rsp_frame_init(&frame, packet, sizeof(packet) - 1, false);
	memset(plain_cr3, 0, sizeof(plain_cr3));
	waiting = physical = false;
	g_cpu = 0;
	/* Stopped first: a running QEMU takes any character on its stub for an interrupt. */
	if (machine_stop())
		return;
	/* Connecting stops the VM, which 7.2 announces unasked. */
	if (was_running)
		reply("T02thread:01;");
}

void gdb_proxy_ready(void)
{
	uint8_t data[MACHINE_PACKET];
	size_t done = 0, used;
	ssize_t n;

	if (client < 0) {
		welcome();
		return;
	}
	n = recv(client, data, sizeof(data), 0);
	if (n <= 0) {
		/* Without D the VM stays as it is, stopped or not, and so do its breakpoints. */
		close(client);
		client = -1;
		waiting = false;
		return;
	}
	while (done < (size_t)n && client >= 0) {
		enum rsp_frame_event e =
			rsp_frame_input(&frame, data + done, (size_t)n - done, &used);

		done += used;
		if (e == RSP_FRAME_INTERRUPT) {
			machine_interrupt();
		} else if (e == RSP_FRAME_PACKET) {
			(void)!send(client, "+", 1, MSG_NOSIGNAL);
			packet[frame.len] = '\0';
			request((char *)packet);
		} else if (e == RSP_FRAME_BAD) {
			(void)!send(client, "-", 1, MSG_NOSIGNAL);
		}
	}
}

void gdb_proxy_freeze(void)
{
	const char *g = machine_gdb("g");

	snprintf(stale, sizeof(stale), "%s", g ? g : "E01");
}
