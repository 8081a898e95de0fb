/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The link over a 16550 UART, polled (PC16550D data sheet): COM2, since COM1 is the console. A UART
 * knows no sessions: one begins with the first packet or interrupt and ends when the stub says so.
 */
#include "stub/baremetal/machine.h"

enum {
	COM2 = 0x2f8,
	UART_DATA = 0, /* divisor, low byte, when DLAB */
	UART_IER = 1,  /* divisor, high byte */
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_SCRATCH = 7,
	LCR_8N1 = 0x03,
	LCR_DLAB = 0x80,
	FCR_RESET = 0x07,
	MCR_DTR_RTS = 0x03,
	LSR_DATA = 0x01,
	LSR_EMPTY = 0x20,
	DIVISOR_115200 = 1,
	ANY_BYTE = 0x5a,
	INTERRUPT = 0x03,
};

static struct {
	uint32_t session, beat;
	bool open;
	bool has_first;
	uint8_t first; /* the byte that has begun the session */
} link;

static bool has_byte(void)
{
	return in8(COM2 + UART_LSR) & LSR_DATA;
}

/* What is left of an old session (acks) begins none. */
static uint32_t serial_session(struct port *p)
{
	(void)p;
	while (!link.open && has_byte()) {
		link.first = in8(COM2 + UART_DATA);
		if (link.first != '$' && link.first != INTERRUPT)
			continue;
		link.has_first = link.open = true;
		link.session++;
	}
	return link.open ? link.session : 0;
}

static size_t serial_recv(struct port *p, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t n = 0;

	(void)p;
	if (link.has_first && len)
		to[n++] = link.first;
	link.has_first = link.has_first && !len;
	while (n < len && has_byte())
		to[n++] = in8(COM2 + UART_DATA);
	return n;
}

static size_t serial_send(struct port *p, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	size_t n = 0;

	(void)p;
	while (n < len && (in8(COM2 + UART_LSR) & LSR_EMPTY))
		out8(COM2 + UART_DATA, from[n++]);
	return n;
}

/* Nobody can tell a silent debugger from an unplugged cable: the idle time does not apply. */
static uint32_t serial_beat(struct port *p)
{
	(void)p;
	return link.beat++;
}

static void serial_hang_up(struct port *p)
{
	(void)p;
	link.open = link.has_first = false;
}

static void serial_stopped(bool stopped)
{
	(void)stopped;
}

static const struct chan chan = {
	.name = "serial port COM2",
	.session = serial_session,
	.recv = serial_recv,
	.send = serial_send,
	.beat = serial_beat,
	.hang_up = serial_hang_up,
	.stopped = serial_stopped,
};

const struct chan *chan_serial_find(void)
{
	out8(COM2 + UART_SCRATCH, ANY_BYTE);
	if (in8(COM2 + UART_SCRATCH) != ANY_BYTE)
		return NULL;
	out8(COM2 + UART_IER, 0);
	out8(COM2 + UART_LCR, LCR_DLAB);
	out8(COM2 + UART_DATA, DIVISOR_115200);
	out8(COM2 + UART_IER, 0);
	out8(COM2 + UART_LCR, LCR_8N1);
	out8(COM2 + UART_FCR, FCR_RESET);
	out8(COM2 + UART_MCR, MCR_DTR_RTS);
	return &chan;
}
