/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A 16550 UART, polled (PC16550D data sheet): the link of last resort. In an SEV-ES guest every
 * byte costs at least two exits through #VC; where the ring exists, use that.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/printk.h>
#include <linux/serial_reg.h>

#include "protocol/serial_line.h"
#include "stub/linux/chan.h"

enum {
	UART_PORTS = 8,
	UART_ABSENT = 0xff,
	DIVISOR_115200 = 1,
	FIFO_BYTES = 16, /* at most so many are taken at once */
};

struct chan_serial {
	struct chan chan;
	unsigned int base;
	struct serial_line line;
	/* Received, for the session, and not yet given to it. */
	bool held;
	uint8_t byte;
};

static struct chan_serial *to_serial(struct chan *c)
{
	return container_of(c, struct chan_serial, chan);
}

static bool has_byte(const struct chan_serial *s)
{
	return inb(s->base + UART_LSR) & UART_LSR_DR;
}

/* Takes bytes off the line until one is for the session. */
static void fetch(struct chan_serial *s)
{
	unsigned int i;

	for (i = 0; i < FIFO_BYTES && !s->held; i++) {
		if (!serial_line_listens(&s->line) || !has_byte(s))
			return;
		s->byte = inb(s->base + UART_RX);
		s->held = serial_line_take(&s->line, s->byte);
	}
}

static uint32_t serial_session(struct chan *c)
{
	struct chan_serial *s = to_serial(c);

	fetch(s);
	return serial_line_session(&s->line);
}

static size_t serial_recv(struct chan *c, void *buf, size_t len)
{
	struct chan_serial *s = to_serial(c);
	uint8_t *to = buf;
	size_t n = 0;

	while (n < len) {
		if (!s->held)
			fetch(s);
		if (!s->held)
			break;
		to[n++] = s->byte;
		s->held = false;
	}
	return n;
}

static size_t serial_send(struct chan *c, const void *buf, size_t len)
{
	struct chan_serial *s = to_serial(c);
	const uint8_t *from = buf;
	size_t n = 0;

	while (n < len && (inb(s->base + UART_LSR) & UART_LSR_THRE))
		outb(from[n++], s->base + UART_TX);
	return n;
}

static uint32_t serial_beat(struct chan *c)
{
	return serial_line_beat(&to_serial(c)->line);
}

static void serial_hang_up(struct chan *c)
{
	struct chan_serial *s = to_serial(c);

	serial_line_hang_up(&s->line);
	s->held = false;
}

static void serial_stopped(struct chan *c, bool stopped)
{
}

static const struct chan_ops serial_ops = {
	.name = "serial port",
	.session = serial_session,
	.recv = serial_recv,
	.send = serial_send,
	.beat = serial_beat,
	.hang_up = serial_hang_up,
	.stopped = serial_stopped,
};

static struct chan_serial serial = { .chan.ops = &serial_ops };

/* 115200 8N1, FIFOs on, no interrupts. */
static void setup(unsigned int base)
{
	outb(0, base + UART_IER);
	outb(UART_LCR_DLAB, base + UART_LCR);
	outb(DIVISOR_115200, base + UART_DLL);
	outb(0, base + UART_DLM);
	outb(UART_LCR_WLEN8, base + UART_LCR);
	outb(UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT, base + UART_FCR);
	outb(UART_MCR_DTR | UART_MCR_RTS, base + UART_MCR);
}

int chan_serial_init(unsigned int base)
{
	int err;

	if (!base)
		return 0;
	if (!request_region(base, UART_PORTS, "cvmdbg_stub")) {
		pr_err("cvmdbg_stub: the UART at %#x has a driver; unbind it first "
		       "(cvmdbg-load does)\n",
		       base);
		return -EBUSY;
	}
	err = inb(base + UART_LSR) == UART_ABSENT ? -ENODEV : 0;
	if (!err) {
		setup(base);
		serial.base = base;
		err = chan_attach(&serial.chan);
	}
	if (err) {
		pr_err("cvmdbg_stub: no usable UART at %#x\n", base);
		serial.base = 0;
		release_region(base, UART_PORTS);
	}
	return err;
}

void chan_serial_exit(void)
{
	if (!serial.base)
		return;
	chan_detach(&serial.chan);
	release_region(serial.base, UART_PORTS);
}
