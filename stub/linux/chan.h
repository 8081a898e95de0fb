/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The link to the debugger: one of several transports, which may come and go while the module is
 * loaded. To add one: a chan_NAME.c with a struct that embeds struct chan, and its two
 * functions at the end of this file.
 */
#ifndef STUB_LINUX_CHAN_H
#define STUB_LINUX_CHAN_H

#include "stub/linux/module.h"

struct chan;

/* Handlers all; see the functions of the same names in struct port_ops. */
struct chan_ops {
	const char *name;
	uint32_t (*session)(struct chan *c);
	size_t (*recv)(struct chan *c, void *buf, size_t len);
	size_t (*send)(struct chan *c, const void *buf, size_t len);
	uint32_t (*beat)(struct chan *c);
	void (*hang_up)(struct chan *c);
	void (*stopped)(struct chan *c, bool stopped);
};

struct chan {
	const struct chan_ops *ops;
};

/* --- chan.c --- */

/* Makes @c the link; -EBUSY when there is one. Not for handlers, as chan_detach. */
int chan_attach(struct chan *c);
/* Afterwards no CPU uses @c any more; a session over it has ended for the stub. */
void chan_detach(struct chan *c);
bool chan_present(void);

uint32_t chan_session(struct port *p);
size_t chan_recv(struct port *p, void *buf, size_t len);
size_t chan_send(struct port *p, const void *buf, size_t len);
uint32_t chan_beat(struct port *p);
void chan_hang_up(struct port *p);
void chan_stopped(bool stopped);

/* --- chan_ring.c: every ivshmem-plain device, plugged in before or later --- */

int chan_ring_init(void);
void chan_ring_exit(void);

/* --- chan_serial.c: a 16550 at I/O port @base, 0: none --- */

int chan_serial_init(unsigned int base);
void chan_serial_exit(void);

#endif
