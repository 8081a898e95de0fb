/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Makes keys, certificates and reports with OpenSSL: see amd_keys.h. */
#include "tests/fake/amd_keys.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

#include "host/attest/evidence.h"

#define NEED(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

enum { DAY = 86400, RSA_BITS = 3072, PSS_SALT = 48 };

/* RSA keys take long to make: one each of the ARK, the ASK and a stranger for the whole program. */
static EVP_PKEY *authority(enum amd_cert which)
{
	static EVP_PKEY *keys[AMD_LEAF + 1];

	if (!keys[which])
		NEED(keys[which] = EVP_RSA_gen(RSA_BITS));
	return keys[which];
}

enum { STRANGER = AMD_NONE };

struct amd_plan amd_plan_good(void)
{
	struct amd_plan plan = {
		.leaf_name = "SEV-VCEK",
		.leaf_curve = "P-384",
		.ask_usage = "critical,keyCertSign",
		.tcb = { .bootloader = 4, .tee = 1, .snp = 24, .microcode = 219 },
		.hwid_len = REPORT_CHIP_ID_BYTES,
	};

	memset(plan.hwid, 0xc1, sizeof(plan.hwid));
	return plan;
}

/* --- certificates --- */

static void add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *e;

	NEED(e = X509V3_EXT_conf_nid(NULL, NULL, nid, value));
	NEED(X509_add_ext(x509, e, -1));
	X509_EXTENSION_free(e);
}

static void add_amd(X509 *x509, const char *oid, const uint8_t *data, size_t len)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *e;

	NEED(value && object && ASN1_OCTET_STRING_set(value, data, (int)len));
	NEED(e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value));
	NEED(X509_add_ext(x509, e, -1));
	X509_EXTENSION_free(e);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(value);
}

/* A DER INTEGER, which has a leading zero from 128 on. */
static void add_amd_number(X509 *x509, const char *oid, uint8_t number)
{
	const uint8_t small[] = { 2, 1, number }, large[] = { 2, 2, 0, number };

	if (number < 0x80)
		add_amd(x509, oid, small, sizeof(small));
	else
		add_amd(x509, oid, large, sizeof(large));
}

static void add_leaf_extensions(X509 *x509, const struct amd_plan *plan)
{
	if (plan->leaf_usage)
		add_extension(x509, NID_key_usage, plan->leaf_usage);
	if (plan->leaf_is_ca)
		add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
	if (!plan->leaf_without_tcb) {
		add_amd_number(x509, "1.3.6.1.4.1.3704.1.3.1", plan->tcb.bootloader);
		add_amd_number(x509, "1.3.6.1.4.1.3704.1.3.2", plan->tcb.tee);
		add_amd_number(x509, "1.3.6.1.4.1.3704.1.3.3", plan->tcb.snp);
		add_amd_number(x509, "1.3.6.1.4.1.3704.1.3.8", plan->tcb.microcode);
		if (plan->fmc)
			add_amd_number(x509, "1.3.6.1.4.1.3704.1.3.9", plan->tcb.fmc);
	}
	if (plan->hwid_len)
		add_amd(x509, "1.3.6.1.4.1.3704.1.4", plan->hwid, plan->hwid_len);
}

static void add_authority_extensions(X509 *x509, const struct amd_plan *plan, enum amd_cert which)
{
	bool ca = which == AMD_ARK || !plan->ask_is_no_ca;
	const char *usage = which == AMD_ARK ? "critical,keyCertSign" : plan->ask_usage;

	add_extension(x509, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (usage)
		add_extension(x509, NID_key_usage, usage);
}

/* As AMD signs: RSA-PSS, SHA-384. */
static void sign(X509 *x509, EVP_PKEY *key, bool sha1)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	NEED(ctx &&
	     EVP_DigestSignInit(ctx, &pctx, sha1 ? EVP_sha1() : EVP_sha384(), NULL, key) == 1);
	NEED(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
	NEED(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, sha1 ? 20 : PSS_SALT) > 0);
	NEED(X509_sign_ctx(x509, ctx) > 0);
	EVP_MD_CTX_free(ctx);
}

static void set_name(X509_NAME *name, const char *text)
{
	NEED(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
					(const unsigned char *)"Not AMD, a test", -1, -1, 0));
	NEED(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1,
					-1, 0));
}

static void make_cert(const struct amd_plan *plan, enum amd_cert which, EVP_PKEY *key,
		      struct attest_cert *ret)
{
	static const char *const names[] = { [AMD_ARK] = "ARK-Test", [AMD_ASK] = "SEV-Test" };
	enum amd_cert issuer = which == AMD_LEAF && !plan->leaf_by_ark ? AMD_ASK : AMD_ARK;
	unsigned char *der = ret->data;
	X509 *x509 = X509_new();
	int len;

	NEED(x509 && X509_set_version(x509, X509_VERSION_3));
	NEED(ASN1_INTEGER_set(X509_get_serialNumber(x509), which));
	set_name(X509_get_subject_name(x509), which == AMD_LEAF ? plan->leaf_name : names[which]);
	set_name(X509_get_issuer_name(x509), names[issuer]);
	NEED(X509_gmtime_adj(X509_getm_notBefore(x509), plan->not_yet == which ? DAY : -2 * DAY));
	NEED(X509_gmtime_adj(X509_getm_notAfter(x509), plan->expired == which ? -DAY : 9 * DAY));
	NEED(X509_set_pubkey(x509, key));
	if (which == AMD_LEAF)
		add_leaf_extensions(x509, plan);
	else
		add_authority_extensions(x509, plan, which);
	sign(x509, authority(plan->forged == which ? (enum amd_cert)STRANGER : issuer),
	     plan->sha1 == which);
	len = i2d_X509(x509, NULL);
	NEED(len > 0 && len <= ATTEST_CERT_MAX);
	ret->len = (size_t)i2d_X509(x509, &der);
	X509_free(x509);
}

void amd_chain_make(const struct amd_plan *plan, struct amd_chain *ret)
{
	memset(ret, 0, sizeof(*ret));
	NEED(ret->key = EVP_EC_gen(plan->leaf_curve));
	make_cert(plan, AMD_ARK, authority(AMD_ARK), &ret->ark);
	make_cert(plan, AMD_ASK, authority(AMD_ASK), &ret->ask);
	make_cert(plan, AMD_LEAF, ret->key, &ret->leaf);
}

void amd_chain_deinit(struct amd_chain *chain)
{
	EVP_PKEY_free(chain->key);
}

struct attest_config amd_config(const struct amd_chain *chain)
{
	return (struct attest_config){
		.ark = chain->ark,
		.ask = chain->ask,
		.endorser = chain->leaf,
	};
}

/* --- reports --- */

static void put_tcb(uint8_t *p, const struct amd_plan *plan)
{
	const struct report_tcb *tcb = &plan->tcb;
	const uint8_t milan[8] = {
		tcb->bootloader, tcb->tee, 0, 0, 0, 0, tcb->snp, tcb->microcode
	};
	const uint8_t turin[8] = { tcb->fmc, tcb->bootloader, tcb->tee, tcb->snp, 0, 0,
				   0,	     tcb->microcode };

	memcpy(p, plan->fmc ? turin : milan, sizeof(milan));
}

void amd_report_make(const struct amd_plan *plan, uint32_t version, uint8_t ret[REPORT_BYTES])
{
	bool vlek = strcmp(plan->leaf_name, "SEV-VLEK") == 0;

	memset(ret, 0, REPORT_BYTES);
	put_le32(ret + REPORT_VERSION, version);
	put_le32(ret + REPORT_GUEST_SVN, 7);
	put_le64(ret + REPORT_POLICY, 0x30000);
	put_le32(ret + REPORT_SIGNATURE_ALGO, REPORT_ALGO_P384_SHA384);
	put_le32(ret + REPORT_KEY_INFO, (vlek ? REPORT_VLEK : REPORT_VCEK) << 2);
	put_le64(ret + REPORT_PLATFORM_INFO, 0x25);
	memset(ret + REPORT_REPORT_DATA, 0xd1, REPORT_DATA_BYTES);
	memset(ret + REPORT_MEASUREMENT, 0x3e, REPORT_MEASUREMENT_BYTES);
	memset(ret + REPORT_HOST_DATA, 0x4d, REPORT_HOST_DATA_BYTES);
	memset(ret + REPORT_ID_KEY_DIGEST, 0x1d, REPORT_DIGEST_BYTES);
	memset(ret + REPORT_REPORT_ID_MA, 0xff, 32);
	memcpy(ret + REPORT_CHIP_ID, plan->hwid, plan->hwid_len);
	put_tcb(ret + REPORT_CURRENT_TCB, plan);
	put_tcb(ret + REPORT_REPORTED_TCB, plan);
	put_tcb(ret + REPORT_COMMITTED_TCB, plan);
	put_tcb(ret + REPORT_LAUNCH_TCB, plan);
	memcpy(ret + REPORT_CURRENT_FIRMWARE, (const uint8_t[]){ 21, 55, 1 }, 3);
	memcpy(ret + REPORT_COMMITTED_FIRMWARE, (const uint8_t[]){ 20, 55, 1 }, 3);
	if (version >= 3)
		memcpy(ret + REPORT_CPUID, (const uint8_t[]){ plan->fmc ? 0x1a : 0x19, 1, 1 }, 3);
	if (version >= 5) {
		put_le64(ret + REPORT_LAUNCH_MIT_VECTOR, 0x11);
		put_le64(ret + REPORT_CURRENT_MIT_VECTOR, 0x13);
	}
}

void amd_report_sign(const struct amd_chain *chain, uint8_t report[REPORT_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const BIGNUM *r, *s;
	unsigned char der[256];
	const unsigned char *p = der;
	size_t len = sizeof(der);
	ECDSA_SIG *signature;

	NEED(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, chain->key) == 1);
	NEED(EVP_DigestSign(ctx, der, &len, report, REPORT_SIGNED) == 1);
	NEED(signature = d2i_ECDSA_SIG(NULL, &p, (long)len));
	ECDSA_SIG_get0(signature, &r, &s);
	NEED(BN_bn2lebinpad(r, report + REPORT_SIGNATURE_R, REPORT_NUMBER_BYTES) > 0);
	NEED(BN_bn2lebinpad(s, report + REPORT_SIGNATURE_S, REPORT_NUMBER_BYTES) > 0);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(ctx);
}

/* --- evidence --- */

size_t amd_evidence_make(const uint8_t report[REPORT_BYTES], const struct attest_cert *ask,
			 const struct attest_cert *vcek, const struct attest_cert *vlek,
			 uint8_t *ret, size_t size)
{
	/* GUIDs of ASK, VCEK, VLEK, typed anew from the specification on purpose. */
	static const uint8_t guids[3][EVIDENCE_GUID] = {
		"\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82",
		"\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd",
		"\xa8\x07\x4b\xc2\xa2\x5a\x48\x3e\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1",
	};
	const struct attest_cert *certs[3] = { ask, vcek, vlek };
	static uint8_t table[4 * 24 + 3 * ATTEST_CERT_MAX];
	size_t at = 4 * 24, entry = 0, i;
	struct evidence e;
	int len;

	memset(table, 0, sizeof(table));
	for (i = 0; i < 3; i++) {
		if (!certs[i]->len)
			continue;
		memcpy(table + entry, guids[i], EVIDENCE_GUID);
		put_le32(table + entry + 16, (uint32_t)at);
		put_le32(table + entry + 20, (uint32_t)certs[i]->len);
		memcpy(table + at, certs[i]->data, certs[i]->len);
		at += certs[i]->len;
		entry += 24;
	}
	e = (struct evidence){ .report = { report, REPORT_BYTES }, .certs = { table, at } };
	len = evidence_encode(&e, ret, size);
	NEED(len > 0);
	return (size_t)len;
}
