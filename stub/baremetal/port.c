/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The whole environment of the stub in one table (stub/core/port.h), and which link it uses. */
#include "protocol/buf.h"
#include "stub/baremetal/machine.h"

static const struct chan *chan;

static uint32_t port_session(struct port *p)
{
	return chan->session(p);
}

static size_t port_recv(struct port *p, void *buf, size_t len)
{
	return chan->recv(p, buf, len);
}

static size_t port_send(struct port *p, const void *buf, size_t len)
{
	return chan->send(p, buf, len);
}

static uint32_t port_beat(struct port *p)
{
	return chan->beat(p);
}

static void port_hang_up(struct port *p)
{
	chan->hang_up(p);
}

static uint64_t port_now_ms(struct port *p)
{
	(void)p;
	return clock_ms();
}

static void port_relax(struct port *p)
{
	(void)p;
	__asm__ volatile("pause");
}

static unsigned int port_cpu_count(struct port *p)
{
	(void)p;
	return cpu_online_count();
}

/* Those that did not come at boot are not counted at all. */
static bool port_cpu_online(struct port *p, unsigned int cpu)
{
	(void)p;
	return cpu < cpu_online_count();
}

static int port_cpu_name(struct port *p, unsigned int cpu, char *buf, size_t size)
{
	struct buf b;

	(void)p;
	memset(buf, 0, size);
	buf_init(&b, buf, size - 1);
	buf_put_text(&b, "CPU#");
	buf_put_decimal(&b, cpu);
	buf_put_text(&b, " (APIC ");
	buf_put_decimal(&b, cpus[cpu].apic);
	buf_put_text(&b, ")");
	return 0;
}

/* CPUID serialises (SDM volume 3, 9.3), and so does the IRET that follows. */
static void port_sync_core(struct port *p)
{
	uint32_t eax = 0, ebx, ecx = 0, edx;

	(void)p;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx) : : "memory");
}

static void port_stopped(struct port *p)
{
	(void)p;
	chan->stopped(true);
}

static void port_resuming(struct port *p)
{
	(void)p;
	chan->stopped(false);
}

static const char *port_hw_why(struct port *p)
{
	(void)p;
	return "";
}

static void port_log(struct port *p, const char *text)
{
	(void)p;
	console_text("stub: ");
	console_text(text);
	console_text("\n");
}

static const struct port_ops ops = {
	.session = port_session,
	.recv = port_recv,
	.send = port_send,
	.beat = port_beat,
	.hang_up = port_hang_up,
	.now_ms = port_now_ms,
	.relax = port_relax,
	.cpu_count = port_cpu_count,
	.cpu_online = port_cpu_online,
	.cpu_name = port_cpu_name,
	.kick = trap_kick,
	.sync_core = port_sync_core,
	.stopped = port_stopped,
	.resuming = port_resuming,
	.leaving = hw_leaving,
	.phys_read = ram_read,
	.phys_write = ram_write,
	.text_check = text_check,
	.hw_set = hw_set,
	.hw_why = port_hw_why,
	.log = port_log,
};

struct port *port_init(void)
{
	static struct port port = { .ops = &ops };

	chan = chan_ring_find();
	if (!chan)
		chan = chan_serial_find();
	return chan ? &port : NULL;
}

const char *port_link_name(void)
{
	return chan->name;
}
