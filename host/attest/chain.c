/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * X.509 and ECDSA by OpenSSL: see chain.h. Certificates may come from a hostile guest; their sizes
 * are bounded by the callers, and everything that OpenSSL does not check by itself is checked here.
 */
#include "host/attest/chain.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <strings.h>

#include "host/err.h"

enum {
	CHAIN_CERTS = 3,
	/* 128 bits: RSA from 3072, SHA-256. AMD's are RSA-4096 with PSS and SHA-384, and P-384. */
	CHAIN_SECURITY_LEVEL = 3,
	CHAIN_NAME_MAX = 64,
};

/* Extensions of AMD's (57230 revision 1.00, 3.1; facts: virtee snpguest, src/verify.rs). */
#define OID_AMD	       "1.3.6.1.4.1.3704.1."
#define OID_BOOTLOADER OID_AMD "3.1"
#define OID_TEE	       OID_AMD "3.2"
#define OID_SNP	       OID_AMD "3.3"
#define OID_MICROCODE  OID_AMD "3.8"
#define OID_FMC	       OID_AMD "3.9"
#define OID_HWID       OID_AMD "4"

/* One certificate of a chain being judged, and what people call it. */
struct link_cert {
	const char *name;
	X509 *x509;
};

/* --- reading --- */

static X509 *parse(struct chain_cert cert)
{
	const unsigned char *der = cert.data;
	X509 *x509 = d2i_X509(NULL, &der, (long)cert.len);
	BIO *bio;

	if (x509 && der != (const unsigned char *)cert.data + cert.len) {
		X509_free(x509); /* more behind it */
		return NULL;
	}
	if (x509)
		return x509;
	bio = BIO_new_mem_buf(cert.data, (int)cert.len);
	if (bio)
		x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return x509;
}

static int read_cert(struct chain_cert cert, struct link_cert *ret, struct err *err)
{
	if (cert.len > 0)
		ret->x509 = parse(cert);
	ERR_clear_error();
	if (!ret->x509)
		return err_set(err, ST_AUTH, "the %s certificate is not X.509, PEM or DER",
			       ret->name);
	return 0;
}

/* The value of the extension @oid, which occurs once at most; NULL: absent. */
static const ASN1_OCTET_STRING *extension(X509 *x509, const char *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at = object ? X509_get_ext_by_OBJ(x509, object, -1) : -1;
	bool twice = at >= 0 && X509_get_ext_by_OBJ(x509, object, at) >= 0;

	ASN1_OBJECT_free(object);
	return at < 0 || twice ? NULL : X509_EXTENSION_get_data(X509_get_ext(x509, at));
}

/* An extension that holds an INTEGER from 0 to 255. */
static bool extension_number(X509 *x509, const char *oid, uint8_t *ret)
{
	const ASN1_OCTET_STRING *value = extension(x509, oid);
	const unsigned char *der;
	ASN1_INTEGER *integer;
	uint64_t number;
	bool good;

	if (!value)
		return false;
	der = ASN1_STRING_get0_data(value);
	integer = d2i_ASN1_INTEGER(NULL, &der, ASN1_STRING_length(value));
	good = integer && ASN1_INTEGER_get_uint64(&number, integer) && number <= UINT8_MAX &&
	       der == ASN1_STRING_get0_data(value) + ASN1_STRING_length(value);
	ASN1_INTEGER_free(integer);
	if (good)
		*ret = (uint8_t)number;
	return good;
}

/* The chip's identity: bare bytes, as AMD's certificates have it. */
static void read_hwid(X509 *x509, struct chain_endorser *e)
{
	const ASN1_OCTET_STRING *value = extension(x509, OID_HWID);
	int len = value ? ASN1_STRING_length(value) : 0;

	e->hwid_len = 0;
	if (len <= 0 || (size_t)len > sizeof(e->hwid))
		return;
	e->hwid_len = (size_t)len;
	memcpy(e->hwid, ASN1_STRING_get0_data(value), e->hwid_len);
}

static void common_name(X509 *x509, char ret[CHAIN_NAME_MAX])
{
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, ret,
				      CHAIN_NAME_MAX) < 0)
		ret[0] = '\0';
}

/* --- judging --- */

/* An authority: says so itself, and may sign certificates. */
static int check_authority(const struct link_cert *cert, struct err *err)
{
	uint32_t usage = X509_get_key_usage(cert->x509);

	/* UINT32_MAX stands for an extension that is absent. */
	if (usage == UINT32_MAX || !(usage & KU_KEY_CERT_SIGN))
		return err_set(err, ST_AUTH,
			       "the %s certificate's key usage does not allow signing certificates",
			       cert->name);
	if (X509_check_ca(cert->x509) != 1)
		return err_set(err, ST_AUTH, "the %s certificate is not a CA's", cert->name);
	return 0;
}

static bool key_is_p384(EVP_PKEY *key)
{
	char group[CHAIN_NAME_MAX];

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) &&
	       strcmp(group, SN_secp384r1) == 0;
}

/* Its key signs reports and nothing above: no CA, ECDSA on P-384, a name of AMD's. */
static int check_endorser(const struct link_cert *cert, struct chain_endorser *ret, struct err *err)
{
	uint32_t usage = X509_get_key_usage(cert->x509);
	char name[CHAIN_NAME_MAX];

	common_name(cert->x509, name);
	if (strcmp(name, "SEV-VCEK") == 0)
		ret->kind = REPORT_VCEK;
	else if (strcmp(name, "SEV-VLEK") == 0)
		ret->kind = REPORT_VLEK;
	else
		return err_set(err, ST_AUTH,
			       "the VCEK certificate is not for SEV-VCEK or SEV-VLEK by its name");
	if (X509_check_ca(cert->x509))
		return err_set(err, ST_AUTH, "the VCEK certificate is a CA's");
	if (usage != UINT32_MAX && !(usage & KU_DIGITAL_SIGNATURE))
		return err_set(err, ST_AUTH,
			       "the VCEK certificate's key usage does not allow signing");
	if (!key_is_p384(X509_get0_pubkey(cert->x509)))
		return err_set(err, ST_AUTH, "the VCEK certificate's key is not on P-384");
	return 0;
}

static int read_endorser(const struct link_cert *cert, struct chain_endorser *ret, struct err *err)
{
	struct report_tcb *tcb = &ret->tcb;
	X509 *x509 = cert->x509;

	if (!extension_number(x509, OID_BOOTLOADER, &tcb->bootloader) ||
	    !extension_number(x509, OID_TEE, &tcb->tee) ||
	    !extension_number(x509, OID_SNP, &tcb->snp) ||
	    !extension_number(x509, OID_MICROCODE, &tcb->microcode))
		return err_set(err, ST_AUTH,
			       "the VCEK certificate does not say for which firmware versions its "
			       "key is");
	ret->layout = extension_number(x509, OID_FMC, &tcb->fmc) ? REPORT_TURIN : REPORT_MILAN;
	read_hwid(x509, ret);
	if (ret->kind == REPORT_VCEK && !ret->hwid_len)
		return err_set(err, ST_AUTH,
			       "the VCEK certificate does not say for which chip it is");
	return 0;
}

/* After X509_verify_cert: names the certificate that is wrong. */
static int explain(X509_STORE_CTX *ctx, const struct link_cert *certs, struct err *err)
{
	static const struct {
		int error;
		const char *hint;
	} hints[] = {
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		  ": nobody whose certificate is here has signed it; are ARK, ASK and VCEK of the "
		  "same processor generation?" },
		{ X509_V_ERR_CERT_SIGNATURE_FAILURE,
		  ": forged, or ARK, ASK and VCEK do not belong together" },
		{ X509_V_ERR_CERT_HAS_EXPIRED, ": get a new one from AMD, or set the clock" },
		{ X509_V_ERR_CERT_NOT_YET_VALID, ": is this machine's clock right?" },
	};
	const X509 *bad = X509_STORE_CTX_get_current_cert(ctx);
	int error = X509_STORE_CTX_get_error(ctx);
	const char *name = "VCEK", *hint = "";
	size_t i;

	for (i = 0; i < CHAIN_CERTS; i++)
		if (bad && X509_cmp(bad, certs[i].x509) == 0)
			name = certs[i].name;
	for (i = 0; i < ARRAY_LEN(hints); i++)
		if (hints[i].error == error)
			hint = hints[i].hint;
	return err_set(err, ST_AUTH, "the %s certificate is not valid: %s%s", name,
		       X509_verify_cert_error_string(error), hint);
}

/* OpenSSL builds paths as it likes; only root, intermediate and leaf, in this order, will do. */
static bool path_is(X509_STORE_CTX *ctx, const struct link_cert *certs)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
	int i;

	if (sk_X509_num(path) != CHAIN_CERTS)
		return false;
	for (i = 0; i < CHAIN_CERTS; i++)
		if (X509_cmp(sk_X509_value(path, CHAIN_CERTS - 1 - i), certs[i].x509))
			return false;
	return true;
}

static int verify_path(const struct link_cert *certs, struct err *err)
{
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	int status;

	if (!untrusted || !ctx || !store || !X509_STORE_add_cert(store, certs[0].x509) ||
	    !sk_X509_push(untrusted, certs[1].x509) ||
	    !X509_STORE_CTX_init(ctx, store, certs[2].x509, untrusted)) {
		status = err_set(err, ST_NOMEM, "out of memory for OpenSSL");
	} else {
		X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

		X509_VERIFY_PARAM_set_auth_level(param, CHAIN_SECURITY_LEVEL);
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CHECK_SS_SIGNATURE);
		if (X509_verify_cert(ctx) != 1)
			status = explain(ctx, certs, err);
		else if (!path_is(ctx, certs))
			status = err_set(err, ST_AUTH,
					 "the VCEK is not signed by the ASK and that by the ARK");
		else
			status = 0;
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(untrusted);
	ERR_clear_error();
	return status;
}

int chain_verify(struct chain_cert ark, struct chain_cert ask, struct chain_cert endorser,
		 struct chain_endorser *ret, struct err *err)
{
	struct link_cert certs[CHAIN_CERTS] = { { "ARK", NULL },
						{ "ASK", NULL },
						{ "VCEK", NULL } };
	struct chain_endorser e = { .key = NULL };
	int status;
	size_t i;

	status = read_cert(ark, &certs[0], err);
	if (!status)
		status = read_cert(ask, &certs[1], err);
	if (!status)
		status = read_cert(endorser, &certs[2], err);
	if (!status)
		status = check_authority(&certs[0], err);
	if (!status)
		status = check_authority(&certs[1], err);
	if (!status)
		status = check_endorser(&certs[2], &e, err);
	if (!status)
		status = verify_path(certs, err);
	if (!status)
		status = read_endorser(&certs[2], &e, err);
	if (!status) {
		e.key = X509_get_pubkey(certs[2].x509);
		*ret = e;
	}
	for (i = 0; i < CHAIN_CERTS; i++)
		X509_free(certs[i].x509);
	return status;
}

void chain_endorser_deinit(struct chain_endorser *e)
{
	EVP_PKEY_free(e->key);
	e->key = NULL;
}

/* --- signatures --- */

/* The signature as OpenSSL wants it; returns its length, or 0. */
static int encode_signature(const uint8_t *r, const uint8_t *s, unsigned char **ret)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *br = BN_lebin2bn(r, REPORT_NUMBER_BYTES, NULL);
	BIGNUM *bs = BN_lebin2bn(s, REPORT_NUMBER_BYTES, NULL);
	int len = 0;

	if (signature && br && bs && ECDSA_SIG_set0(signature, br, bs)) {
		len = i2d_ECDSA_SIG(signature, ret);
	} else {
		BN_free(br);
		BN_free(bs);
	}
	ECDSA_SIG_free(signature);
	return len < 0 ? 0 : len;
}

bool chain_signed(const struct chain_endorser *e, const void *data, size_t len, const uint8_t *r,
		  const uint8_t *s)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *der = NULL;
	int der_len = encode_signature(r, s, &der);
	bool good;

	good = ctx && der_len && EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, e->key) == 1 &&
	       EVP_DigestVerify(ctx, der, (size_t)der_len, data, len) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}
