/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The link of the moment (chan.h). Without one there is no session and nothing moves. */
#include "stub/linux/chan.h"

#include <linux/printk.h>
#include <linux/rcupdate.h>

static struct chan *current_chan;

int chan_attach(struct chan *c)
{
	if (cmpxchg(&current_chan, NULL, c))
		return -EBUSY;
	pr_info("cvmdbg_stub: waiting for a debugger on the %s\n", c->ops->name);
	main_wake();
	return 0;
}

void chan_detach(struct chan *c)
{
	if (cmpxchg(&current_chan, c, NULL) != c)
		return;
	/* Every user has interrupts off or is in an NMI, which RCU waits for. */
	synchronize_rcu();
}

static struct chan *get(void)
{
	return READ_ONCE(current_chan);
}

bool chan_present(void)
{
	return get();
}

uint32_t chan_session(struct port *p)
{
	struct chan *c = get();

	return c ? c->ops->session(c) : 0;
}

size_t chan_recv(struct port *p, void *buf, size_t len)
{
	struct chan *c = get();

	return c ? c->ops->recv(c, buf, len) : 0;
}

size_t chan_send(struct port *p, const void *buf, size_t len)
{
	struct chan *c = get();

	return c ? c->ops->send(c, buf, len) : 0;
}

uint32_t chan_beat(struct port *p)
{
	struct chan *c = get();

	return c ? c->ops->beat(c) : 0;
}

void chan_hang_up(struct port *p)
{
	struct chan *c = get();

	if (c)
		c->ops->hang_up(c);
}

void chan_stopped(bool stopped)
{
	struct chan *c = get();

	if (c)
		c->ops->stopped(c, stopped);
}
