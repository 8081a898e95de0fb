/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Options of attestation into a struct attest_config: see options.h. */
#include "host/attest/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/buf.h"

int attest_parse_hex(const char *text, uint8_t *ret, size_t size, struct err *err)
{
	struct buf b;

	buf_init_const(&b, text, strlen(text));
	if (strlen(text) != 2 * size || !buf_get_hex_bytes(&b, ret, size))
		return err_set(err, ST_INVAL, "%zu hexadecimal digits are wanted", 2 * size);
	return 0;
}

static int load_cert(const char *path, struct attest_cert *ret, struct err *err)
{
	FILE *file = fopen(path, "re");
	uint8_t data[ATTEST_CERT_MAX + 1];
	size_t len;

	if (!file)
		return err_sys(err, "%s", path);
	len = fread(data, 1, sizeof(data), file);
	fclose(file);
	if (len == 0 || len > ATTEST_CERT_MAX)
		return err_set(err, ST_INVAL, "%s: empty, or too long for a certificate", path);
	memcpy(ret->data, data, len);
	ret->len = len;
	return 0;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret, struct err *err)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || *ret > max)
		return err_set(err, ST_INVAL, "\"%s\" is not a number from 0 to %lu", text, max);
	return 0;
}

/* One NAME=N of a minimum TCB. */
static int parse_tcb_part(char *part, struct report_tcb *ret, struct err *err)
{
	const struct {
		const char *name;
		uint8_t *value;
	} names[] = {
		{ "fmc", &ret->fmc }, { "bootloader", &ret->bootloader }, { "tee", &ret->tee },
		{ "snp", &ret->snp }, { "microcode", &ret->microcode },
	};
	char *value = strchr(part, '=');
	unsigned long number;
	size_t i;
	int status;

	if (value)
		*value++ = '\0';
	for (i = 0; value && i < ARRAY_LEN(names); i++) {
		if (strcmp(part, names[i].name))
			continue;
		status = parse_number(value, UINT8_MAX, &number, err);
		if (!status)
			*names[i].value = (uint8_t)number;
		return status;
	}
	return err_set(err, ST_INVAL,
		       "\"%s\" is none of fmc=N, bootloader=N, tee=N, snp=N, microcode=N", part);
}

static int parse_min_tcb(const char *text, struct report_tcb *ret, struct err *err)
{
	char copy[128], *rest = copy, *part;
	int status = 0;

	if (strlen(text) >= sizeof(copy))
		return err_set(err, ST_INVAL, "too long");
	strcpy(copy, text);
	while (!status && (part = strsep(&rest, ",")))
		status = parse_tcb_part(part, ret, err);
	return status;
}

static int parse_vmpl(const char *text, uint32_t *ret, struct err *err)
{
	unsigned long number;
	int status = parse_number(text, 3, &number, err);

	if (!status)
		*ret = (uint32_t)number;
	return status;
}

static const char *option_name(int option)
{
	static const struct option names[] = { ATTEST_OPTIONS };

	return names[option - ATTEST_OPTION_FIRST].name;
}

static int take(enum attest_option option, const char *argument, struct attest_config *config,
		struct err *err)
{
	switch (option) {
	case ATTEST_OPTION_ARK:
		return load_cert(argument, &config->ark, err);
	case ATTEST_OPTION_ASK:
		return load_cert(argument, &config->ask, err);
	case ATTEST_OPTION_VCEK:
		return load_cert(argument, &config->endorser, err);
	case ATTEST_OPTION_MEASUREMENT:
		config->want_measurement = true;
		return attest_parse_hex(argument, config->measurement, REPORT_MEASUREMENT_BYTES,
					err);
	case ATTEST_OPTION_HOST_DATA:
		config->want_host_data = true;
		return attest_parse_hex(argument, config->host_data, REPORT_HOST_DATA_BYTES, err);
	case ATTEST_OPTION_ID_KEY_DIGEST:
		config->want_id_key_digest = true;
		return attest_parse_hex(argument, config->id_key_digest, REPORT_DIGEST_BYTES, err);
	case ATTEST_OPTION_MIN_TCB:
		return parse_min_tcb(argument, &config->min_tcb, err);
	case ATTEST_OPTION_VMPL:
		return parse_vmpl(argument, &config->max_vmpl, err);
	case ATTEST_OPTION_DEBUG:
		config->allow_debug_policy = true;
		return 0;
	case ATTEST_OPTION_MIGRATION:
		config->allow_migration_policy = true;
		return 0;
	}
	return ST_INVAL;
}

int attest_option(int option, const char *argument, struct attest_config *config, struct err *err)
{
	int status;

	if (option < ATTEST_OPTION_FIRST || option > ATTEST_OPTION_LAST)
		return 0;
	status = take((enum attest_option)option, argument, config, err);
	if (status)
		return err_add(err, status, "--%s", option_name(option));
	return 1;
}
