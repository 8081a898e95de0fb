/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Pages that DBG_ENCRYPT changed while the VM ran. Software emulation runs on with code that it
 * translated before, as no CPU would; so such a page is written once more through QEMU at the next
 * opportunity, for which the main loop stops the VM unseen.
 */
#ifndef TESTS_SEVSIM_STALE_H
#define TESTS_SEVSIM_STALE_H

#include "sim.h"

int stale_open(void);
/* Any thread, with sim.lock held. */
void stale_add(uint64_t gpa);
/* Readable: pages wait. stale_heard makes it silent until the next one. */
int stale_fd(void);
void stale_heard(void);
/* Main thread, VM stopped, RAM plaintext: writes every waiting page over itself. */
int stale_flush(void);

#endif
