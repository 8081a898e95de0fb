/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The firmware and what sits in front of it: one command a piece, counted, delayed, failed on
 * request. */
#ifndef TESTS_SEVSIM_PSP_H
#define TESTS_SEVSIM_PSP_H

#include "sim.h"

enum psp_command { PSP_GUEST_STATUS, PSP_DBG_DECRYPT, PSP_DBG_ENCRYPT, PSP_COMMANDS };

enum psp_violation {
	PSP_UNALIGNED,
	PSP_OVERRUN,
	PSP_ENCRYPT_RUNNING,
	PSP_WRONG_MM,
	PSP_VIOLATIONS
};

/*
 * Accounts for one firmware command on the guest page @gpa (UINT64_MAX: none). Returns 0 or an
 * errno, and *fw as the firmware (or its absence) leaves it; the caller does the work only on 0.
 */
int psp_issue(enum psp_command command, uint64_t gpa, uint32_t *fw);

/* Accounts for @bytes that a debug command moved for its caller. */
void psp_moved(enum psp_command command, size_t bytes);

/* Faults of operations that are no firmware commands: 0 or an errno. */
enum psp_step { PSP_OPEN_KVM, PSP_OPEN_SEV, PSP_ENABLE_CAP, PSP_STEPS };
int psp_step(enum psp_step step);

void psp_violation(enum psp_violation what);

#endif
