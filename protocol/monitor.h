/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What `monitor` commands of agent and stub have in common: words, numbers, physical memory. */
#ifndef PROTOCOL_MONITOR_H
#define PROTOCOL_MONITOR_H

#include "target.h"

/* Takes @word off the front of *line when it stands there as a whole. */
bool monitor_word(const char **line, const char *word);

/* Takes a decimal or 0x number off the front of *line; false when none is there or it is too big.
 */
bool monitor_number(const char **line, uint64_t *ret);

/*
 * Whether the session has @right (one enum rsp_right); if not, says so in @out. Every command that
 * shows registers, memory or page tables asks first.
 */
bool monitor_may(const struct target *t, unsigned int right, struct buf *out);

/* `phys ADDRESS [LENGTH]`: a hex dump of guest physical memory, 64 bytes unless told. */
void monitor_phys(struct target *t, unsigned int vcpu, const char *args, struct buf *out);

#endif
