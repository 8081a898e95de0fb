/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Launch policies of SEV, SEV-ES and SEV-SNP guests, decoded for people (facts:
 * include/linux/psp-sev.h, AMD SEV API 55766 chapter 2, SNP ABI 56860 4.3). Pure.
 */
#ifndef HOST_SEV_POLICY_H
#define HOST_SEV_POLICY_H

#include "protocol/buf.h"
#include "protocol/limits.h"
#include "protocol/status.h"

enum sev_type { SEV_NONE, SEV_PLAIN, SEV_ES, SEV_SNP };

/* "none", "sev", "sev-es", "sev-snp". */
const char *sev_type_name(enum sev_type type);

/* The legacy policy's ES bit tells SEV-ES from SEV, which query-sev does not. */
enum sev_type sev_type_of_policy(uint64_t policy);

/* Whether the launch policy lets the host debug (which for SNP no stock KVM offers). */
bool sev_policy_debuggable(enum sev_type type, uint64_t policy);

/* The same policy with debugging allowed: what to relaunch with. */
uint64_t sev_policy_with_debug(enum sev_type type, uint64_t policy);

/* One decoded bit: X in policy.c's tables. */
struct sev_policy_bit {
	unsigned int bit;
	const char *name;
	const char *set;   /* what it means when set */
	const char *clear; /* when clear */
};

/* Table of the bits of @type's policy; *count entries. */
const struct sev_policy_bit *sev_policy_bits(enum sev_type type, size_t *count);

/* 0 when the host can debug, else ST_POLICY/ST_UNSUPPORTED with a text that says why and what to
 * do. */
struct err;
int sev_policy_check(enum sev_type type, uint64_t policy, struct err *err) MUST_USE;

#endif
