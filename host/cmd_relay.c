/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The command line of `cvmdbg relay`. */
#include <getopt.h>
#include <stdio.h>

#include "host/chan.h"
#include "host/cmd.h"
#include "host/relay.h"

static const char usage[] =
	"usage: cvmdbg relay --stub ring:PATH|serial:PATH|unix:PATH\n"
	"                    --listen unix:PATH|tcp:HOST:PORT|stdio [--qmp PATH] [--once]\n";

static const char details[] =
	"\n"
	"Carry the bytes of a stub inside a guest to one debugger at a time.\n"
	"\n"
	"  --stub ADDRESS     ring:FILE, the memory of an ivshmem-plain device;\n"
	"                     serial:TERMINAL; unix:SOCKET, a serial port of QEMU's\n"
	"  --listen ADDRESS   where gdb connects: `target remote PATH` or HOST:PORT;\n"
	"                     stdio for `target remote | cvmdbg relay --listen stdio ...`\n"
	"  --qmp PATH         QMP socket of the VM: an NMI for guests that do not answer\n"
	"  --once             end after the first debugger\n";

enum option_id { OPT_STUB = 1, OPT_LISTEN, OPT_QMP, OPT_ONCE };

static const struct option options[] = {
	{ "stub", required_argument, NULL, OPT_STUB },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "qmp", required_argument, NULL, OPT_QMP },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* True when one option was understood. */
static bool take_option(int option, struct relay_config *config)
{
	switch (option) {
	case OPT_STUB:
		config->stub = optarg;
		return true;
	case OPT_LISTEN:
		config->listen = optarg;
		return true;
	case OPT_QMP:
		config->qmp = optarg;
		return true;
	case OPT_ONCE:
		config->once = true;
		return true;
	default:
		return false;
	}
}

static bool complete(const struct relay_config *config)
{
	if (!config->stub || !config->listen)
		return false;
	if (!chan_stub_known(config->stub)) {
		fprintf(stderr,
			"cvmdbg relay: --stub %s: expected ring:PATH, serial:PATH or unix:PATH\n",
			config->stub);
		return false;
	}
	if (!listener_known(config->listen)) {
		fprintf(stderr,
			"cvmdbg relay: --listen %s: expected unix:PATH, tcp:HOST:PORT or stdio\n",
			config->listen);
		return false;
	}
	return true;
}

static int open_stub(const struct relay_config *config, struct chan **ret, struct err *err)
{
	return chan_connect_stub(config->stub, ret, err);
}

int cmd_relay(int argc, char **argv)
{
	struct relay_config config = { .open = open_stub };
	struct err err = { .text = "" };
	int option, result;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s%s", usage, details);
			return CMD_OK;
		}
		if (!take_option(option, &config)) {
			fputs(usage, stderr);
			return CMD_USAGE;
		}
	}
	if (optind != argc || !complete(&config)) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	result = relay_run(&config, &err);
	if (result != CMD_OK)
		fprintf(stderr, "cvmdbg: %s\n", err.text);
	return result;
}
