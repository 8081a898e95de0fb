/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Decodes and describes attestation reports. One table lists the fields in the report's order; it
 * makes the description. Pure: see report.h.
 */
#include "host/attest/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "host/err.h"
#include "host/sev/policy.h"

enum field_kind {
	FIELD_NUMBER,	/* 4 or 8 bytes */
	FIELD_BYTES,	/* as hex digits */
	FIELD_POLICY,	/* launch policy, bit by bit */
	FIELD_PLATFORM, /* flags of PLATFORM_INFO */
	FIELD_KEY,	/* which key signs, and the flags beside that */
	FIELD_TCB,
	FIELD_CPUID,
	FIELD_FIRMWARE, /* build, minor, major */
};

static const struct field {
	const char *name;
	uint16_t offset, size;
	enum field_kind kind;
	unsigned int since; /* the first version that has it */
} fields[] = {
	{ "version", REPORT_VERSION, 4, FIELD_NUMBER, 2 },
	{ "guest_svn", REPORT_GUEST_SVN, 4, FIELD_NUMBER, 2 },
	{ "policy", REPORT_POLICY, 8, FIELD_POLICY, 2 },
	{ "family_id", REPORT_FAMILY_ID, 16, FIELD_BYTES, 2 },
	{ "image_id", REPORT_IMAGE_ID, 16, FIELD_BYTES, 2 },
	{ "vmpl", REPORT_VMPL, 4, FIELD_NUMBER, 2 },
	{ "signature_algo", REPORT_SIGNATURE_ALGO, 4, FIELD_NUMBER, 2 },
	{ "current_tcb", REPORT_CURRENT_TCB, 8, FIELD_TCB, 2 },
	{ "platform_info", REPORT_PLATFORM_INFO, 8, FIELD_PLATFORM, 2 },
	{ "key", REPORT_KEY_INFO, 4, FIELD_KEY, 2 },
	{ "report_data", REPORT_REPORT_DATA, 64, FIELD_BYTES, 2 },
	{ "measurement", REPORT_MEASUREMENT, 48, FIELD_BYTES, 2 },
	{ "host_data", REPORT_HOST_DATA, 32, FIELD_BYTES, 2 },
	{ "id_key_digest", REPORT_ID_KEY_DIGEST, 48, FIELD_BYTES, 2 },
	{ "author_key_digest", REPORT_AUTHOR_KEY_DIGEST, 48, FIELD_BYTES, 2 },
	{ "report_id", REPORT_REPORT_ID, 32, FIELD_BYTES, 2 },
	{ "report_id_ma", REPORT_REPORT_ID_MA, 32, FIELD_BYTES, 2 },
	{ "reported_tcb", REPORT_REPORTED_TCB, 8, FIELD_TCB, 2 },
	{ "cpu", REPORT_CPUID, 3, FIELD_CPUID, 3 },
	{ "chip_id", REPORT_CHIP_ID, 64, FIELD_BYTES, 2 },
	{ "committed_tcb", REPORT_COMMITTED_TCB, 8, FIELD_TCB, 2 },
	{ "current_firmware", REPORT_CURRENT_FIRMWARE, 3, FIELD_FIRMWARE, 2 },
	{ "committed_firmware", REPORT_COMMITTED_FIRMWARE, 3, FIELD_FIRMWARE, 2 },
	{ "launch_tcb", REPORT_LAUNCH_TCB, 8, FIELD_TCB, 2 },
	{ "launch_mit_vector", REPORT_LAUNCH_MIT_VECTOR, 8, FIELD_NUMBER, 5 },
	{ "current_mit_vector", REPORT_CURRENT_MIT_VECTOR, 8, FIELD_NUMBER, 5 },
	{ "signature_r", REPORT_SIGNATURE_R, REPORT_NUMBER_BYTES, FIELD_BYTES, 2 },
	{ "signature_s", REPORT_SIGNATURE_S, REPORT_NUMBER_BYTES, FIELD_BYTES, 2 },
};

static const struct {
	unsigned int bit;
	const char *name;
} platform_flags[] = {
	{ 0, "smt" },
	{ 1, "tsme" },
	{ 2, "ecc" },
	{ 3, "rapl_disabled" },
	{ 4, "ciphertext_hiding" },
	{ 5, "alias_check_complete" },
	{ 7, "tio" },
};

/* --- decoding --- */

enum {
	KEY_AUTHOR = 1 << 0,
	KEY_MASK_CHIP = 1 << 1,
	KEY_SIGNER_SHIFT = 2,
	KEY_SIGNER_MASK = 7,
	FAMILY_MILAN = 0x19, /* and Genoa */
	FAMILY_TURIN = 0x1a,
	CHIP_ID_TURIN = 8, /* bytes that a Turin has; the rest is zero */
};

static bool all_zero(const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (data[i])
			return false;
	return true;
}

/*
 * Version 2 does not say what CPU it is from; a Turin's chip identity is shorter (facts: virtee sev
 * guesses likewise). A chip identity that is masked altogether tells nothing.
 */
static enum report_layout guess_layout(const uint8_t *chip_id)
{
	bool masked = all_zero(chip_id, CHIP_ID_TURIN);
	bool tail = !all_zero(chip_id + CHIP_ID_TURIN, REPORT_CHIP_ID_BYTES - CHIP_ID_TURIN);

	return tail || masked ? REPORT_MILAN : REPORT_TURIN;
}

/* What no signature covers must not be able to say anything. */
static bool unsigned_bytes_zero(const uint8_t *raw)
{
	const size_t upper = REPORT_NUMBER_BYTES - REPORT_P384_BYTES;

	return all_zero(raw + REPORT_SIGNATURE_R + REPORT_P384_BYTES, upper) &&
	       all_zero(raw + REPORT_SIGNATURE_S + REPORT_P384_BYTES, upper) &&
	       all_zero(raw + REPORT_TAIL, REPORT_BYTES - REPORT_TAIL);
}

int report_decode(const void *data, size_t len, struct report *ret, struct err *err)
{
	const uint8_t *raw = data;
	uint32_t version, key;

	if (len != REPORT_BYTES)
		return err_set(err, ST_SYNTAX, "an attestation report has %d bytes, this has %zu",
			       REPORT_BYTES, len);
	version = get_le32(raw + REPORT_VERSION);
	if (version != 2 && version != 3 && version != 5)
		return err_set(err, ST_UNSUPPORTED,
			       "the attestation report says version %" PRIu32
			       "; this program knows 2, 3 and 5",
			       version);
	if (!unsigned_bytes_zero(raw))
		return err_set(err, ST_SYNTAX,
			       "the attestation report is damaged: reserved bytes around its "
			       "signature are not zero");
	memcpy(ret->raw, raw, REPORT_BYTES);
	ret->version = version;
	ret->policy = get_le64(raw + REPORT_POLICY);
	ret->vmpl = get_le32(raw + REPORT_VMPL);
	ret->algo = get_le32(raw + REPORT_SIGNATURE_ALGO);
	key = get_le32(raw + REPORT_KEY_INFO);
	ret->signer = key >> KEY_SIGNER_SHIFT & KEY_SIGNER_MASK;
	ret->mask_chip_key = key & KEY_MASK_CHIP;
	ret->layout_known = version >= 3;
	if (!ret->layout_known)
		ret->layout = guess_layout(raw + REPORT_CHIP_ID);
	else
		ret->layout = raw[REPORT_CPUID] >= FAMILY_TURIN ? REPORT_TURIN : REPORT_MILAN;
	return 0;
}

struct report_tcb report_tcb(const struct report *r, enum report_offset which,
			     enum report_layout layout)
{
	const uint8_t *p = r->raw + which;

	if (layout == REPORT_TURIN)
		return (struct report_tcb){ p[0], p[1], p[2], p[3], p[7] };
	return (struct report_tcb){ 0, p[0], p[1], p[6], p[7] };
}

const char *report_signer_name(enum report_signer signer)
{
	switch (signer) {
	case REPORT_VCEK:
		return "vcek";
	case REPORT_VLEK:
		return "vlek";
	case REPORT_UNSIGNED:
		return "none";
	default:
		return "unknown";
	}
}

/* --- describing --- */

static json_t *describe_bytes(const uint8_t *data, size_t len)
{
	char digits[2 * REPORT_NUMBER_BYTES + 1];
	size_t i;

	for (i = 0; i < len; i++)
		sprintf(digits + 2 * i, "%02x", data[i]);
	return json_string(digits);
}

static json_t *describe_policy(uint64_t policy)
{
	json_t *doc = json_pack("{s:I, s:i, s:i}", "value", (json_int_t)policy, "abi_minor",
				(int)(policy & 0xff), "abi_major", (int)(policy >> 8 & 0xff));
	const struct sev_policy_bit *bits;
	size_t i, count;

	bits = sev_policy_bits(SEV_SNP, &count);
	for (i = 0; i < count; i++)
		json_object_set_new(doc, bits[i].name, json_boolean(policy >> bits[i].bit & 1));
	return doc;
}

static json_t *describe_platform(uint64_t info)
{
	json_t *doc = json_pack("{s:I}", "value", (json_int_t)info);
	size_t i;

	for (i = 0; i < ARRAY_LEN(platform_flags); i++)
		json_object_set_new(doc, platform_flags[i].name,
				    json_boolean(info >> platform_flags[i].bit & 1));
	return doc;
}

static json_t *describe_key(const struct report *r)
{
	bool author = get_le32(r->raw + REPORT_KEY_INFO) & KEY_AUTHOR;

	return json_pack("{s:s, s:b, s:b}", "signing_key", report_signer_name(r->signer),
			 "mask_chip_key", r->mask_chip_key, "author_key_en", author);
}

static json_t *describe_tcb(const struct report *r, enum report_offset which)
{
	struct report_tcb tcb = report_tcb(r, which, r->layout);
	json_t *doc = json_pack("{s:i, s:i, s:i, s:i}", "bootloader", tcb.bootloader, "tee",
				tcb.tee, "snp", tcb.snp, "microcode", tcb.microcode);

	if (r->layout == REPORT_TURIN)
		json_object_set_new(doc, "fmc", json_integer(tcb.fmc));
	return doc;
}

/* Family and model as virtee's sev, src/lib.rs, tells them apart. */
static const char *generation(uint8_t family, uint8_t model)
{
	if (family == FAMILY_MILAN && model <= 0x0f)
		return "milan";
	if (family == FAMILY_MILAN && (model >> 4 == 0x1 || model >> 4 == 0xa))
		return "genoa";
	if (family == FAMILY_TURIN && model <= 0x11)
		return "turin";
	return "unknown";
}

static json_t *describe_cpuid(const uint8_t *p)
{
	return json_pack("{s:i, s:i, s:i, s:s}", "family", p[0], "model", p[1], "stepping", p[2],
			 "generation", generation(p[0], p[1]));
}

static json_t *describe_field(const struct report *r, const struct field *f)
{
	const uint8_t *p = r->raw + f->offset;

	switch (f->kind) {
	case FIELD_NUMBER:
		return json_integer(f->size == 8 ? (json_int_t)get_le64(p) : get_le32(p));
	case FIELD_BYTES:
		return describe_bytes(p, f->size);
	case FIELD_POLICY:
		return describe_policy(r->policy);
	case FIELD_PLATFORM:
		return describe_platform(get_le64(p));
	case FIELD_KEY:
		return describe_key(r);
	case FIELD_TCB:
		return describe_tcb(r, f->offset);
	case FIELD_CPUID:
		return describe_cpuid(p);
	case FIELD_FIRMWARE:
		return json_sprintf("%u.%u.%u", p[2], p[1], p[0]);
	}
	return NULL;
}

json_t *report_describe(const struct report *r)
{
	json_t *doc = json_object();
	size_t i;

	for (i = 0; i < ARRAY_LEN(fields); i++)
		if (r->version >= fields[i].since)
			json_object_set_new(doc, fields[i].name, describe_field(r, &fields[i]));
	return doc;
}
