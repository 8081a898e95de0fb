/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `cvmdbg connect`, the owner's side of a sealed link: the command line, and whether the stub at
 * the other end is the one that the owner means.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/attest/options.h"
#include "host/chan_sealed.h"
#include "host/cmd.h"
#include "host/crypto/identity.h"
#include "host/crypto/sodium.h"
#include "host/policy_file.h"
#include "host/relay.h"

static const char usage[] =
	"usage: cvmdbg connect --key FILE --policy FILE\n"
	"                      --ark FILE [ATTESTATION OPTIONS] | --stub-key HEX | "
	"--no-attestation\n"
	"                      [--listen stdio|unix:PATH|tcp:HOST:PORT] [--once] ADDRESS\n";

static const char details[] =
	"\n"
	"Debug a guest through its sealed stub; the host in between only carries ciphertext:\n"
	"\n"
	"  gdb vmlinux -ex 'target remote | cvmdbg connect --key owner.txt --policy policy.txt\n"
	"                   --ark ark.pem --measurement HEX vmhost:2159'\n"
	"\n"
	"ADDRESS is where `cvmdbg relay` listens on the VM's host: HOST:PORT or unix:PATH; on "
	"that\n"
	"host itself also ring:FILE or serial:TERMINAL.\n"
	"\n"
	"  --key FILE         your age identity (age-keygen, cvmdbg keygen)\n"
	"  --policy FILE      the policy that the guest was given, byte for byte\n"
	"  --listen ADDRESS   where the debugger connects; stdio, for gdb's pipe, is the default\n"
	"  --once             end after the first debugger\n"
	"\n"
	"Who is at the other end? One of these has to tell:\n"
	"\n"
	"  --stub-key HEX     the stub's public key, as the guest's own console or log says it\n"
	"  --no-attestation   nothing: whoever is between may pose as the guest\n";

enum option_id { OPT_KEY = 1, OPT_POLICY, OPT_LISTEN, OPT_ONCE, OPT_STUB_KEY, OPT_NO_ATTESTATION };

static const struct option options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "stub-key", required_argument, NULL, OPT_STUB_KEY },
	{ "no-attestation", no_argument, NULL, OPT_NO_ATTESTATION },
	ATTEST_OPTIONS,
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct connect {
	struct relay_config relay;
	struct link_config link;
	struct identity identity;
	struct policy_file policy;
	const char *key_path, *policy_path;
	bool pinned, unchecked;
	uint8_t stub_key[NOISE_KEY];
	struct attest_config attest;
	struct err why; /* what is wrong with the evidence */
};

/* --- the stub --- */

static const char *check_stub(void *arg, const uint8_t peer[NOISE_KEY], const void *evidence,
			      size_t len)
{
	struct connect *c = arg;

	if (c->pinned && memcmp(peer, c->stub_key, NOISE_KEY))
		return "the stub's key is not that of --stub-key: another guest, or loaded again "
		       "since";
	if (c->pinned)
		return NULL;
	if (c->unchecked) {
		fprintf(stderr, "cvmdbg: warning: nothing vouches for the guest at the other end "
				"(--no-attestation)\n");
		return NULL;
	}
	if (!len)
		return "evidence missing: run cvmdbg-attest in the guest, or give --stub-key";
	return attest_verify_evidence(evidence, len, peer, c->policy.hash, &c->attest, &c->why)
		       ? c->why.text
		       : NULL;
}

static int open_under(const char *address, struct chan **ret, struct err *err)
{
	const char *colon = strrchr(address, ':');
	char host[256];

	if (strncmp(address, "unix:", 5) == 0)
		return chan_connect_unix(address + 5, ret, err);
	if (chan_stub_known(address))
		return chan_connect_stub(address, ret, err);
	if (!colon || (size_t)(colon - address) >= sizeof(host))
		return err_set(err, ST_INVAL, "%s: expected HOST:PORT or unix:PATH", address);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	return chan_connect_tcp(host, colon + 1, ret, err);
}

static int open_sealed(const struct relay_config *config, struct chan **ret, struct err *err)
{
	struct connect *c = CONTAINER_OF(config, struct connect, relay);
	int status = open_under(config->stub, ret, err);

	return status ? status : chan_sealed_create(*ret, &c->link, ret, err);
}

/* --- the command line --- */

/* 1: understood, 0: not an option of this command; negative: its value is wrong. */
static int take_option(int option, struct connect *c, struct err *err)
{
	switch (option) {
	case OPT_KEY:
		c->key_path = optarg;
		return 1;
	case OPT_POLICY:
		c->policy_path = optarg;
		return 1;
	case OPT_LISTEN:
		c->relay.listen = optarg;
		return 1;
	case OPT_ONCE:
		c->relay.once = true;
		return 1;
	case OPT_NO_ATTESTATION:
		c->unchecked = true;
		return 1;
	case OPT_STUB_KEY:
		c->pinned = true;
		if (attest_parse_hex(optarg, c->stub_key, sizeof(c->stub_key), err))
			return err_add(err, ST_INVAL, "--stub-key");
		return 1;
	default:
		return attest_option(option, optarg, &c->attest, err);
	}
}

static const char *incomplete(const struct connect *c)
{
	if (!c->key_path || !c->policy_path)
		return "--key and --policy are needed";
	if (!listener_known(c->relay.listen))
		return "--listen: expected stdio, unix:PATH or tcp:HOST:PORT";
	if (c->pinned + c->unchecked + (c->attest.ark.len > 0) != 1)
		return "who vouches for the guest? --ark, --stub-key or --no-attestation";
	return NULL;
}

static int fail(const struct err *err, int exit)
{
	fprintf(stderr, "cvmdbg connect: %s\n", err->text);
	return exit;
}

static int read_files(struct connect *c, struct err *err)
{
	int status = policy_file_read(c->policy_path, &c->policy, err);

	if (!status && c->policy.policy.channel == POLICY_CHANNEL_PLAIN)
		status = err_set(
			err, ST_INVAL,
			"%s says `channel plain`: such a stub is not sealed; let gdb connect "
			"to `cvmdbg relay` itself",
			c->policy_path);
	return status ? status : identity_read(c->key_path, &c->identity, err);
}

static int run(struct connect *c, struct err *err)
{
	int result;

	if (read_files(c, err))
		return fail(err, CMD_FAILED);
	if (!policy_has_key(&c->policy.policy.debuggers, c->identity.public))
		fprintf(stderr,
			"cvmdbg: warning: %s is no debugger of %s: the guest will refuse it\n",
			c->key_path, c->policy_path);
	c->relay.open = open_sealed;
	c->link = (struct link_config){
		.crypto = &sodium_crypto,
		.role = NOISE_INITIATOR,
		.secret = c->identity.secret,
		.policy_hash = c->policy.hash,
		.random = sodium_random32,
		.check = check_stub,
		.arg = c,
	};
	result = relay_run(&c->relay, err);
	identity_wipe(&c->identity);
	return result == CMD_FAILED ? fail(err, result) : result;
}

int cmd_connect(int argc, char **argv)
{
	/* Too big for a stack: certificates. */
	static struct connect connect = { .relay.listen = "stdio" };
	struct err err = { .text = "" };
	const char *missing;
	int option, taken;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s%s\n%s", usage, details, ATTEST_OPTIONS_HELP);
			return CMD_OK;
		}
		taken = take_option(option, &connect, &err);
		if (taken < 0)
			return fail(&err, CMD_USAGE);
		if (!taken) {
			fputs(usage, stderr);
			return CMD_USAGE;
		}
	}
	missing = optind + 1 == argc ? incomplete(&connect) : "one ADDRESS is needed";
	if (missing) {
		fprintf(stderr, "cvmdbg connect: %s\n%s", missing, usage);
		return CMD_USAGE;
	}
	connect.relay.stub = argv[optind];
	return run(&connect, &err);
}
