/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The link over a 16550 UART, polled (PC16550D data sheet): COM2, since COM1 is the console. What a
 * session is on a line that knows none is in protocol/serial_line.h.
 */
#include "protocol/serial_line.h"
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
	FIFO_BYTES = 16, /* at most so many are taken at once */
};

static struct {
	struct serial_line line;
	/* Received, for the session, and not yet given to it. */
	bool held;
	uint8_t byte;
} link;

static bool has_byte(void)
{
	return in8(COM2 + UART_LSR) & LSR_DATA;
}

/* Takes bytes off the line until one is for the session. */
static void fetch(void)
{
	unsigned int i;

	for (i = 0; i < FIFO_BYTES && !link.held; i++) {
		if (!serial_line_listens(&link.line) || !has_byte())
			return;
		link.byte = in8(COM2 + UART_DATA);
		link.held = serial_line_take(&link.line, link.byte);
	}
}

static uint32_t serial_session(struct port *p)
{
	(void)p;
	fetch();
	return serial_line_session(&link.line);
}

static size_t serial_recv(struct port *p, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t n = 0;

	(void)p;
	while (n < len) {
		fetch();
		if (!link.held)
			break;
		to[n++] = link.byte;
		link.held = false;
	}
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

static uint32_t serial_beat(struct port *p)
{
	(void)p;
	return serial_line_beat(&link.line);
}

static void serial_hang_up(struct port *p)
{
	(void)p;
	serial_line_hang_up(&link.line);
	link.held = false;
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
