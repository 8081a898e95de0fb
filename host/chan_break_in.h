/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Helps a stub to get in: a guest that spins with interrupts off never looks at its link, but an
 * NMI makes it. Knows of the stub's link only what is asked and when an answer came.
 */
#ifndef HOST_CHAN_BREAK_IN_H
#define HOST_CHAN_BREAK_IN_H

#include "host/chan.h"
#include "host/qemu/qmp.h"

/*
 * A channel that is @inner, which it takes (on failure too). When the session's first bytes or an
 * interrupt stay unanswered, @qmp, which outlives it, injects one NMI.
 */
int chan_break_in(struct chan *inner, struct qmp *qmp, struct chan **ret, struct err *err) MUST_USE;

#endif
