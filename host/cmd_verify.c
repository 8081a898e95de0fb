/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `cvmdbg verify`: judges an attestation report, or the evidence that cvmdbg-attest wrote, and
 * shows it. Like `info` it builds one JSON document and prints that or tells it in words.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/attest/evidence.h"
#include "host/attest/options.h"
#include "host/cmd.h"
#include "host/policy_file.h"

static const char usage[] =
	"usage: cvmdbg verify REPORT --ark FILE [--ask FILE] [--vcek FILE] [OPTIONS]\n";

static const char details[] =
	"\n"
	"Verify a SEV-SNP attestation report (versions 2, 3, 5), or the evidence that "
	"cvmdbg-attest\n"
	"wrote in a guest, and show it. Exits with 0 only if everything holds.\n"
	"\n"
	"  --report-data HEX         what REPORT_DATA has to be (64 bytes); or the stub's:\n"
	"  --stub-key HEX            its public key, from the guest's kernel log (32 bytes), and\n"
	"  --policy FILE             the policy that it was loaded with\n"
	"  --json                    one JSON object instead of text\n" ATTEST_OPTIONS_HELP;

enum option_id { OPT_REPORT_DATA = 1, OPT_STUB_KEY, OPT_POLICY, OPT_JSON };

static const struct option options[] = {
	{ "report-data", required_argument, NULL, OPT_REPORT_DATA },
	{ "stub-key", required_argument, NULL, OPT_STUB_KEY },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	ATTEST_OPTIONS,
	{ NULL, 0, NULL, 0 },
};

struct verify_config {
	const char *path, *report_data_hex, *stub_key_hex, *policy;
	bool json;
	bool want_report_data;
	uint8_t report_data[REPORT_DATA_BYTES];
	struct attest_config attest;
};

/* What was read: a bare report or evidence. */
struct input {
	size_t len;
	uint8_t data[EVIDENCE_MAX + 1];
};

static int read_input(const char *path, struct input *ret, struct err *err)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return err_sys(err, "%s", path);
	ret->len = fread(ret->data, 1, sizeof(ret->data), file);
	fclose(file);
	if (ret->len > EVIDENCE_MAX)
		return err_set(err, ST_SYNTAX, "%s: too long for a report or evidence", path);
	return 0;
}

/* Turns the options about REPORT_DATA into the 64 bytes that are wanted. */
static int find_report_data(struct verify_config *config, struct err *err)
{
	uint8_t key[ATTEST_KEY];
	struct policy_file policy;
	int status;

	if (config->report_data_hex) {
		status = attest_parse_hex(config->report_data_hex, config->report_data,
					  REPORT_DATA_BYTES, err);
		if (status)
			return err_add(err, status, "--report-data");
	} else if (config->stub_key_hex) {
		status = attest_parse_hex(config->stub_key_hex, key, sizeof(key), err);
		if (status)
			return err_add(err, status, "--stub-key");
		status = policy_file_read(config->policy, &policy, err);
		if (status)
			return status;
		attest_report_data(key, policy.hash, config->report_data);
	} else {
		return 0;
	}
	config->want_report_data = true;
	return 0;
}

static int judge(const struct input *in, const struct verify_config *config, struct err *err)
{
	const uint8_t *wanted = config->want_report_data ? config->report_data : NULL;

	if (evidence_is(in->data, in->len))
		return attest_verify_evidence_data(in->data, in->len, wanted, &config->attest, err);
	return attest_verify_report(in->data, in->len, wanted, &config->attest, err);
}

/* --- the document --- */

/* What @config left open, for a verified report proves no more than was asked. */
static json_t *describe_open(const struct verify_config *config)
{
	static const struct report_tcb any;
	json_t *list = json_array();

	if (!config->want_report_data)
		json_array_append_new(list, json_string("report_data"));
	if (!config->attest.want_measurement)
		json_array_append_new(list, json_string("measurement"));
	if (memcmp(&config->attest.min_tcb, &any, sizeof(any)) == 0)
		json_array_append_new(list, json_string("min_tcb"));
	return list;
}

static json_t *describe(const struct input *in, const struct verify_config *config, int status,
			const struct err *why)
{
	struct evidence_part part = { in->data, in->len };
	json_t *doc = json_pack("{s:b, s:s*, s:o}", "verified", !status, "reason",
				status ? why->text : NULL, "not_compared", describe_open(config));
	struct evidence e;
	struct report r;
	struct err ignored;

	if (evidence_is(in->data, in->len) && !evidence_decode(in->data, in->len, &e))
		part = e.report;
	if (!report_decode(part.data, part.len, &r, &ignored))
		json_object_set_new(doc, "report", report_describe(&r));
	return doc;
}

/* --- words --- */

static void tell_value(const json_t *value)
{
	if (json_is_string(value))
		printf("%s", json_string_value(value));
	else if (json_is_boolean(value))
		printf("%s", json_is_true(value) ? "yes" : "no");
	else
		printf("%" PRIu64, (uint64_t)json_integer_value(value));
}

static void tell_field(const char *name, json_t *value)
{
	const char *key, *gap = "";
	json_t *part;

	printf("%-19s ", name);
	if (!json_is_object(value)) {
		tell_value(value);
	} else {
		json_object_foreach(value, key, part) {
			printf("%s%s ", gap, key);
			tell_value(part);
			gap = ", ";
		}
	}
	putchar('\n');
}

static void tell(const json_t *doc)
{
	json_t *report = json_object_get(doc, "report"), *value;
	bool verified = json_is_true(json_object_get(doc, "verified"));
	const char *name;
	size_t i;

	json_object_foreach(report, name, value) {
		tell_field(name, value);
	}
	printf("%-19s %s\n", "verified", verified ? "yes" : "no");
	if (!verified)
		return;
	json_array_foreach(json_object_get(doc, "not_compared"), i, value) {
		printf("%-19s %s\n", i ? "" : "not compared", json_string_value(value));
	}
}

/* --- the command --- */

static int verify_run(struct verify_config *config)
{
	static struct input in;
	struct err err = { .text = "" };
	json_t *doc;
	int status = find_report_data(config, &err);

	if (!status)
		status = read_input(config->path, &in, &err);
	if (status) {
		fprintf(stderr, "cvmdbg: %s\n", err.text);
		return CMD_FAILED;
	}
	status = judge(&in, config, &err);
	doc = describe(&in, config, status, &err);
	if (config->json) {
		json_dumpf(doc, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		tell(doc);
	}
	json_decref(doc);
	if (!status)
		return CMD_OK;
	fflush(stdout);
	fprintf(stderr, "cvmdbg: %s: %s\n", config->path, err.text);
	return CMD_FAILED;
}

/* Returns enum cmd_exit, or -1 to go on. */
static int parse_options(int argc, char **argv, struct verify_config *config)
{
	struct err err;
	int option, taken;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPT_REPORT_DATA:
			config->report_data_hex = optarg;
			break;
		case OPT_STUB_KEY:
			config->stub_key_hex = optarg;
			break;
		case OPT_POLICY:
			config->policy = optarg;
			break;
		case OPT_JSON:
			config->json = true;
			break;
		case 'h':
			printf("%s%s", usage, details);
			return CMD_OK;
		default:
			taken = attest_option(option, optarg, &config->attest, &err);
			if (taken < 0)
				fprintf(stderr, "cvmdbg: %s\n", err.text);
			else if (!taken)
				fputs(usage, stderr);
			if (taken <= 0)
				return CMD_USAGE;
		}
	}
	return -1;
}

int cmd_verify(int argc, char **argv)
{
	static struct verify_config config;
	int result = parse_options(argc, argv, &config);

	if (result >= 0)
		return result;
	if (optind + 1 != argc || !config.attest.ark.len) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	if (!config.stub_key_hex != !config.policy ||
	    (config.stub_key_hex && config.report_data_hex)) {
		fputs("cvmdbg: --stub-key and --policy go together, in place of --report-data\n",
		      stderr);
		return CMD_USAGE;
	}
	config.path = argv[optind];
	return verify_run(&config);
}
