/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The int3 bytes that stand in guest memory, by guest physical address. The journal is the only
 * record, so that the keeper can take them out when the agent is killed; readers never see them and
 * writers never lose them. Knows nothing about why a byte was planted.
 */
#ifndef HOST_TARGET_PLANTED_H
#define HOST_TARGET_PLANTED_H

#include "host/journal.h"
#include "host/sev/pages.h"

/*
 * Plants an int3 at @gpa, once: a second call for the same address is success. ST_NOSPC: table
 * full.
 */
int planted_insert(struct journal *journal, struct pages *pages, gpa_t gpa, bool encrypted,
		   struct err *err) MUST_USE;

/* Puts the byte back; success when none is planted at @gpa. */
int planted_remove(struct journal *journal, struct pages *pages, gpa_t gpa,
		   struct err *err) MUST_USE;

/* Puts every byte back; carries on after a failure and returns the first. */
int planted_undo(struct journal *journal, struct pages *pages, struct err *err) MUST_USE;

/* Replaces planted bytes in @buf, which was read from @gpa, by what the guest had there. */
void planted_hide(const struct journal *journal, gpa_t gpa, void *buf, size_t len);

/*
 * For a write of @buf to @gpa: takes the new bytes below planted ones into the journal and the int3
 * into @buf.
 */
void planted_keep(struct journal *journal, gpa_t gpa, void *buf, size_t len);

#endif
