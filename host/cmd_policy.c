/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* `cvmdbg policy`: is a policy right, and what does it say (docs/policy.md). */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "host/cmd.h"
#include "host/policy_file.h"
#include "protocol/age.h"
#include "protocol/buf.h"

static const char usage[] = "usage: cvmdbg policy check FILE\n"
			    "       cvmdbg policy show [--json] FILE\n";

static const char details[] = "\n"
			      "Check a policy, or show what it means and its hash, which guest and "
			      "debugger must agree on.\n"
			      "FILE may be - for standard input.\n"
			      "\n"
			      "  --json             for scripts\n";

enum { OPT_JSON = 1, RIGHTS_BYTES = 128 };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char *const channels[] = {
	[POLICY_CHANNEL_SEALED] = "sealed",
	[POLICY_CHANNEL_PLAIN] = "plain",
};
static const char *const panics[] = {
	[POLICY_PANIC_IGNORE] = "ignore",
	[POLICY_PANIC_STOP] = "stop",
	[POLICY_PANIC_DUMP] = "dump",
};

static void hash_text(const struct policy_file *f, char ret[65])
{
	unsigned int i;

	for (i = 0; i < sizeof(f->hash); i++)
		snprintf(ret + 2 * i, 3, "%02x", f->hash[i]);
}

static void rights_text(const struct policy *p, char ret[RIGHTS_BYTES])
{
	struct buf b;

	memset(ret, 0, RIGHTS_BYTES);
	buf_init(&b, ret, RIGHTS_BYTES - 1);
	policy_put_rights(p->rights, &b);
}

static void range_text(const struct policy_range *range, char *ret, size_t size)
{
	snprintf(ret, size, "%s0x%" PRIx64 "-0x%" PRIx64, range->phys ? "phys:" : "", range->first,
		 range->last + 1);
}

/* --- text --- */

static void print_keys(const char *what, const struct policy_keys *keys)
{
	char text[AGE_RECIPIENT_CHARS + 1];
	unsigned int i;

	for (i = 0; i < keys->count; i++) {
		age_recipient_format(keys->key[i], text);
		printf("%-15s %s\n", what, text);
	}
}

static void print_warnings(const struct policy *p)
{
	if (p->channel == POLICY_CHANNEL_PLAIN)
		puts("warning         channel plain: the guest's host can do all this, whoever is "
		     "named");
	if (p->channel == POLICY_CHANNEL_PLAIN && p->debuggers.count)
		puts("warning         keys mean nothing on a plain channel");
	if (!p->rights)
		puts("warning         nothing is allowed");
}

static void show_text(const struct policy_file *f)
{
	const struct policy *p = &f->policy;
	char text[RIGHTS_BYTES], hash[65];
	unsigned int i;

	hash_text(f, hash);
	printf("%-15s %s\n", "sha256", hash);
	printf("%-15s %s\n", "channel", channels[p->channel]);
	print_keys("debugger", &p->debuggers);
	print_keys("dump-recipient", &p->recipients);
	rights_text(p, text);
	printf("%-15s %s\n", "allow", text);
	for (i = 0; i < p->deny_count; i++) {
		range_text(&p->deny[i], text, sizeof(text));
		printf("%-15s %s\n", "deny mem", text);
	}
	printf("%-15s %s\n", "on-panic", panics[p->on_panic]);
	printf("%-15s %u s\n", "idle-timeout", p->idle_s);
	print_warnings(p);
}

/* --- JSON --- */

static json_t *keys_json(const struct policy_keys *keys)
{
	char text[AGE_RECIPIENT_CHARS + 1];
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < keys->count; i++) {
		age_recipient_format(keys->key[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *rights_json(const struct policy *p)
{
	char text[RIGHTS_BYTES], *rest = text, *word;
	json_t *list = json_array();

	rights_text(p, text);
	while (p->rights && (word = strsep(&rest, " ")) != NULL)
		json_array_append_new(list, json_string(word));
	return list;
}

static json_t *deny_json(const struct policy *p)
{
	char text[RIGHTS_BYTES];
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < p->deny_count; i++) {
		range_text(&p->deny[i], text, sizeof(text));
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static int show_json(const struct policy_file *f)
{
	const struct policy *p = &f->policy;
	char hash[65];
	json_t *all;

	hash_text(f, hash);
	all = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:i}", "sha256", hash, "channel",
			channels[p->channel], "debuggers", keys_json(&p->debuggers),
			"dump_recipients", keys_json(&p->recipients), "allow", rights_json(p),
			"deny_mem", deny_json(p), "on_panic", panics[p->on_panic], "idle_timeout",
			(int)p->idle_s);
	if (!all || json_dumpf(all, stdout, JSON_INDENT(2))) {
		json_decref(all);
		fputs("cvmdbg policy: out of memory\n", stderr);
		return CMD_FAILED;
	}
	putchar('\n');
	json_decref(all);
	return CMD_OK;
}

int cmd_policy(int argc, char **argv)
{
	const char *verb;
	struct policy_file file;
	struct err err = { .text = "" };
	bool json = false, show;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s%s", usage, details);
			return CMD_OK;
		}
		json |= option == OPT_JSON;
		if (option != OPT_JSON)
			break;
	}
	verb = optind < argc ? argv[optind] : "";
	show = strcmp(verb, "show") == 0;
	if (option != -1 || argc - optind != 2 || (!show && strcmp(verb, "check")) ||
	    (json && !show)) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	if (policy_file_read(argv[optind + 1], &file, &err)) {
		fprintf(stderr, "cvmdbg policy: %s\n", err.text);
		return CMD_FAILED;
	}
	if (json)
		return show_json(&file);
	if (show)
		show_text(&file);
	else
		print_warnings(&file.policy);
	return CMD_OK;
}
