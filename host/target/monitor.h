/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The `monitor` commands of targets whose memory comes from the PSP. To add one: a row in
 * monitor.c's table and its function; its help text is the row's.
 */
#ifndef HOST_TARGET_MONITOR_H
#define HOST_TARGET_MONITOR_H

#include "host/target/memory.h"
#include "protocol/buf.h"

/*
 * struct target_monitor_ops.command for a target @t whose memory is @m. Failures are text for the
 * user, like everything here.
 */
int monitor_command(struct target *t, struct memory *m, unsigned int vcpu, const char *line,
		    struct buf *out);

#endif
