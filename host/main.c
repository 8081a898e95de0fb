/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* cvmdbg SUBCOMMAND: the table of subcommands (cmd.h says how to add one) and nothing else. */
#include <stdio.h>
#include <string.h>

#include "host/cmd.h"
#include "protocol/base.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "attach-ring", cmd_attach_ring, "give a VM the memory that its stub talks through" },
	{ "connect", cmd_connect, "debug a guest through its sealed stub, wherever it runs" },
	{ "info", cmd_info, "say whether and how a VM can be debugged" },
	{ "keygen", cmd_keygen, "make a debugger's key" },
	{ "policy", cmd_policy, "check and show a guest's policy" },
	{ "relay", cmd_relay, "carry the bytes of a stub inside a guest to a debugger" },
	{ "serve", cmd_serve, "debug a VM: serve it to gdb or lldb" },
	{ "verify", cmd_verify, "verify an attestation report, or what cvmdbg-attest wrote" },
};

static void usage(FILE *to)
{
	unsigned int i;

	fprintf(to, "usage: cvmdbg COMMAND [OPTIONS]\n\n"
		    "Debug encrypted VMs (AMD SEV) with an unmodified gdb.\n\ncommands:\n");
	for (i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
	fprintf(to,
		"\n`cvmdbg COMMAND --help` lists the options of one; cvmdbg(1) tells the rest.\n");
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc < 2) {
		usage(stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return CMD_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("cvmdbg " CVMDBG_VERSION);
		return CMD_OK;
	}
	for (i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "cvmdbg: there is no command '%s'; see `cvmdbg --help`\n", argv[1]);
	return CMD_USAGE;
}
