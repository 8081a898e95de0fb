/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Lines for the kernel log. Handlers may not print: they leave their line in a queue that the
 * module's thread empties.
 */
#include <linux/printk.h>
#include <linux/string.h>

#include "stub/linux/module.h"

enum { LINES = 16, LINE_BYTES = 160 };

static struct {
	char text[LINES][LINE_BYTES];
	unsigned int written, printed;
} queue;

/* Only who owns the stub logs, so there is one writer; the thread is the reader. */
void log_line(struct port *p, const char *text)
{
	unsigned int at = queue.written;

	if (at - smp_load_acquire(&queue.printed) >= LINES)
		return;
	strscpy(queue.text[at % LINES], text, LINE_BYTES);
	smp_store_release(&queue.written, at + 1);
}

void log_flush(void)
{
	while (queue.printed != smp_load_acquire(&queue.written)) {
		pr_info("cvmdbg_stub: %s\n", queue.text[queue.printed % LINES]);
		smp_store_release(&queue.printed, queue.printed + 1);
	}
}
