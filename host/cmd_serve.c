/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The command line of `cvmdbg serve`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/chan.h"
#include "host/cmd.h"
#include "host/serve.h"

static const char usage[] =
	"usage: cvmdbg serve --qmp PATH --listen unix:PATH|tcp:HOST:PORT|stdio\n"
	"                    [--stub ring:PATH|serial:PATH|unix:PATH]\n"
	"                    [--access auto|mirror|inject] [--read-only] [--once] [--log FILE]\n"
	"                    [--policy FILE] [--audit FILE] [--vmcoreinfo ADDRESS]\n";

static const char details[] =
	"\n"
	"Attach to a VM and serve it to one debugger at a time.\n"
	"\n"
	"  --qmp PATH         QMP socket of the VM, for cvmdbg alone; optional with --stub\n"
	"  --stub ADDRESS     a stub inside the guest: ring:FILE, the memory of an ivshmem-plain\n"
	"                     device; serial:TERMINAL; unix:SOCKET, a serial port of QEMU's.\n"
	"                     With --qmp: NMIs for guests that do not answer, and memory of\n"
	"                     SEV and SEV-ES guests through the host\n"
	"  --listen ADDRESS   where gdb connects: `target remote PATH` or HOST:PORT;\n"
	"                     stdio for `target remote | cvmdbg serve --listen stdio ...`\n"
	"  --access ROUTE     mirror: a VM of our own; inject: through QEMU; auto (default):\n"
	"                     mirror where guest RAM is shared memory\n"
	"  --read-only        refuse writes and breakpoints\n"
	"  --once             end after the first debugger\n"
	"  --log FILE         record the session as gdb's remotelogfile\n"
	"  --policy FILE      allow what a policy allows, deny the memory it denies\n"
	"  --audit FILE       append who attached and what was refused, as JSON lines\n"
	"  --vmcoreinfo GPA   SEV-ES: where the kernel describes itself, instead of searching\n"
	"                     (first word of /sys/kernel/vmcoreinfo in the guest)\n";

enum option_id {
	OPT_QMP = 1,
	OPT_STUB,
	OPT_LISTEN,
	OPT_ACCESS,
	OPT_READ_ONLY,
	OPT_ONCE,
	OPT_LOG,
	OPT_POLICY,
	OPT_AUDIT,
	OPT_VMCOREINFO,
};

static const struct option options[] = {
	{ "qmp", required_argument, NULL, OPT_QMP },
	{ "stub", required_argument, NULL, OPT_STUB },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "access", required_argument, NULL, OPT_ACCESS },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "audit", required_argument, NULL, OPT_AUDIT },
	{ "vmcoreinfo", required_argument, NULL, OPT_VMCOREINFO },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool parse_route(const char *text, enum psp_route *ret)
{
	static const enum psp_route routes[] = { PSP_AUTO, PSP_MIRROR, PSP_INJECT };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(routes); i++) {
		if (strcmp(text, psp_route_name(routes[i])) != 0)
			continue;
		*ret = routes[i];
		return true;
	}
	fprintf(stderr, "cvmdbg serve: --access %s: auto, mirror or inject\n", text);
	return false;
}

static bool parse_address(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (!errno && end != text && !*end)
		return true;
	fprintf(stderr, "cvmdbg serve: --vmcoreinfo %s: not an address\n", text);
	return false;
}

static bool read_policy(const char *path, struct serve_config *config)
{
	static struct policy_file file;
	struct err err;

	config->policy = &file;
	if (!policy_file_read(path, &file, &err))
		return true;
	fprintf(stderr, "cvmdbg: %s\n", err.text);
	return false;
}

/* True when one option was understood. */
static bool take_option(int option, struct serve_config *config)
{
	switch (option) {
	case OPT_QMP:
		config->qmp = optarg;
		return true;
	case OPT_STUB:
		config->stub = optarg;
		return true;
	case OPT_LISTEN:
		config->listen = optarg;
		return true;
	case OPT_ACCESS:
		return parse_route(optarg, &config->route);
	case OPT_READ_ONLY:
		config->read_only = true;
		return true;
	case OPT_ONCE:
		config->once = true;
		return true;
	case OPT_LOG:
		config->log = optarg;
		return true;
	case OPT_POLICY:
		return read_policy(optarg, config);
	case OPT_AUDIT:
		config->audit = optarg;
		return true;
	case OPT_VMCOREINFO:
		return parse_address(optarg, &config->vmcoreinfo);
	default:
		fputs(usage, stderr);
		return false;
	}
}

int cmd_serve(int argc, char **argv)
{
	struct serve_config config = { .route = PSP_AUTO };
	struct err err = { .text = "" };
	int option, result;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s%s", usage, details);
			return CMD_OK;
		}
		if (!take_option(option, &config))
			return CMD_USAGE;
	}
	if ((!config.qmp && !config.stub) || !config.listen || optind != argc) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	if (!listener_known(config.listen)) {
		fprintf(stderr,
			"cvmdbg serve: --listen %s: expected unix:PATH, tcp:HOST:PORT or stdio\n",
			config.listen);
		return CMD_USAGE;
	}
	if (config.stub && !chan_stub_known(config.stub)) {
		fprintf(stderr,
			"cvmdbg serve: --stub %s: expected ring:PATH, serial:PATH or unix:PATH\n",
			config.stub);
		return CMD_USAGE;
	}
	result = serve_run(&config, &err);
	if (result != CMD_OK)
		fprintf(stderr, "cvmdbg: %s\n", err.text);
	return result;
}
