/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What an unsuccessful KVM_MEMORY_ENCRYPT_OP means, in words that say what to do. Pure: an errno
 * and a firmware code in, a status and a text out.
 */
#ifndef HOST_SEV_PSP_STATUS_H
#define HOST_SEV_PSP_STATUS_H

#include "host/err.h"
#include "host/sev/psp.h"

/* The answer to one ioctl: @error is its errno or 0, @code the firmware's, ABI_SEV_NO_FW_CALL if it
 * was not asked. */
struct psp_answer {
	int error;
	uint32_t code;
};

/* Sets @err to "PSP: NAME (code): text; advice" or what the errno means on @route; returns the
 * status. */
int psp_status_explain(const struct psp_answer *answer, enum psp_route route,
		       struct err *err) MUST_USE;

/* Whether the pages of a failed batch are worth trying one by one: the PSP works and may refuse
 * only some. */
bool psp_status_is_about_page(const struct psp_answer *answer);

#endif
