/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The policy bits as tables, and the one judgement that hangs on them. */
#include "host/sev/policy.h"

#include <inttypes.h>
#include <stdio.h>

#include "host/err.h"

#define POLICY_NODBG	 (1ull << 0) /* SEV, SEV-ES */
#define POLICY_ES	 (1ull << 2) /* SEV, SEV-ES */
#define POLICY_SNP_DEBUG (1ull << 19)

static const struct sev_policy_bit sev_bits[] = {
	{ 0, "NODBG", "the host may not debug", "the host may debug" },
	{ 1, "NOKS", "no keys shared with other guests", "keys may be shared with other guests" },
	{ 2, "ES", "registers are encrypted (SEV-ES)", "registers are not encrypted" },
	{ 3, "NOSEND", "may not be migrated", "may be migrated" },
	{ 4, "DOMAIN", "migration only inside the domain", "migration to any domain" },
	{ 5, "SEV", "migration only to SEV-capable platforms", "migration to any platform" },
};

static const struct sev_policy_bit snp_bits[] = {
	{ 16, "SMT", "SMT allowed", "SMT must be off" },
	{ 17, "RESERVED", "must be one", "must be one: the launch would fail" },
	{ 18, "MIGRATE_MA", "migration agent allowed", "no migration agent" },
	{ 19, "DEBUG", "the host may debug", "the host may not debug" },
	{ 20, "SINGLE_SOCKET", "one socket only", "any number of sockets" },
	{ 21, "CXL_ALLOW", "CXL allowed", "no CXL" },
	{ 22, "MEM_AES_256_XTS", "AES-256-XTS required", "AES-128-XEX allowed" },
	{ 23, "RAPL_DIS", "RAPL must be off", "RAPL allowed" },
	{ 24, "CIPHERTEXT_HIDING_DRAM", "ciphertext hiding required", "no ciphertext hiding" },
	{ 25, "PAGE_SWAP_DISABLE", "page swapping refused", "page swapping allowed" },
};

const char *sev_type_name(enum sev_type type)
{
	static const char *const names[] = {
		[SEV_NONE] = "none",
		[SEV_PLAIN] = "sev",
		[SEV_ES] = "sev-es",
		[SEV_SNP] = "sev-snp",
	};

	return names[type];
}

enum sev_type sev_type_of_policy(uint64_t policy)
{
	return policy & POLICY_ES ? SEV_ES : SEV_PLAIN;
}

bool sev_policy_debuggable(enum sev_type type, uint64_t policy)
{
	switch (type) {
	case SEV_PLAIN:
	case SEV_ES:
		return !(policy & POLICY_NODBG);
	case SEV_SNP:
		return policy & POLICY_SNP_DEBUG;
	default:
		return false;
	}
}

uint64_t sev_policy_with_debug(enum sev_type type, uint64_t policy)
{
	switch (type) {
	case SEV_PLAIN:
	case SEV_ES:
		return policy & ~POLICY_NODBG;
	case SEV_SNP:
		return policy | POLICY_SNP_DEBUG;
	default:
		return policy;
	}
}

const struct sev_policy_bit *sev_policy_bits(enum sev_type type, size_t *count)
{
	switch (type) {
	case SEV_PLAIN:
	case SEV_ES:
		*count = ARRAY_LEN(sev_bits);
		return sev_bits;
	case SEV_SNP:
		*count = ARRAY_LEN(snp_bits);
		return snp_bits;
	default:
		*count = 0;
		return NULL;
	}
}

static int refuse_snp(uint64_t policy, struct err *err)
{
	char note[128] = "";

	if (!sev_policy_debuggable(SEV_SNP, policy))
		snprintf(note, sizeof(note),
			 " (policy 0x%" PRIx64
			 " has DEBUG, bit 19, clear as well; with it set: 0x%" PRIx64 ")",
			 policy, sev_policy_with_debug(SEV_SNP, policy));
	return err_set(err, ST_UNSUPPORTED,
		       "stock KVM refuses every debug command for SEV-SNP guests, whatever the "
		       "policy%s: debug it from inside with the in-guest stub",
		       note);
}

int sev_policy_check(enum sev_type type, uint64_t policy, struct err *err)
{
	if (type == SEV_NONE)
		return err_set(
			err, ST_UNSUPPORTED,
			"this guest is not encrypted with SEV, so QEMU's own gdbstub debugs it: "
			"start QEMU with -gdb unix:PATH,server=on,wait=off or type \"gdbserver "
			"unix:PATH,server=on,wait=off\" in its monitor");
	if (type == SEV_SNP)
		return refuse_snp(policy, err);
	if (!sev_policy_debuggable(type, policy))
		return err_set(
			err, ST_POLICY,
			"guest policy 0x%" PRIx64 " has NODBG (bit 0) set, so the PSP refuses to "
			"decrypt: relaunch the guest with -object sev-guest,...,policy=0x%" PRIx64,
			policy, sev_policy_with_debug(type, policy));
	return 0;
}
