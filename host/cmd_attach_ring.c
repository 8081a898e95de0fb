/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The command line of `cvmdbg attach-ring`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/cmd.h"
#include "host/qemu/ring_device.h"
#include "protocol/ring.h"

enum { ATTACH_RING_BYTES = 1 << 20 };

static const char usage[] = "usage: cvmdbg attach-ring --qmp PATH --ring FILE [--size BYTES]\n"
			    "       cvmdbg attach-ring --qmp PATH --detach\n";

static const char details[] =
	"\n"
	"Give a running VM the shared memory that the stub in the guest and cvmdbg talk through.\n"
	"\n"
	"  --qmp PATH     QMP socket of the VM, for cvmdbg alone\n"
	"  --ring FILE    the file; created for QEMU's user alone if it does not exist\n"
	"  --size BYTES   a power of two; K and M are understood (1M)\n"
	"  --detach       take it away again\n";

struct attach_ring_config {
	const char *qmp, *ring;
	uint64_t bytes;
	bool detach;
};

enum option_id { OPT_QMP = 1, OPT_RING, OPT_SIZE, OPT_DETACH };

static const struct option options[] = {
	{ "qmp", required_argument, NULL, OPT_QMP },
	{ "ring", required_argument, NULL, OPT_RING },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "detach", no_argument, NULL, OPT_DETACH },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool parse_size(const char *text, uint64_t *ret)
{
	unsigned int shift = 0;
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (*end == 'K' || *end == 'M')
		shift = *end++ == 'K' ? 10 : 20;
	if (!errno && end != text && !*end && *ret <= RING_BYTES_MAX) {
		*ret <<= shift;
		if (*ret >= RING_BYTES_MIN && *ret <= RING_BYTES_MAX && !(*ret & (*ret - 1)))
			return true;
	}
	fprintf(stderr, "cvmdbg attach-ring: --size %s: a power of two from 16K to %dM\n", text,
		RING_BYTES_MAX >> 20);
	return false;
}

/* True when one option was understood. */
static bool take_option(int option, struct attach_ring_config *config)
{
	switch (option) {
	case OPT_QMP:
		config->qmp = optarg;
		return true;
	case OPT_RING:
		config->ring = optarg;
		return true;
	case OPT_SIZE:
		return parse_size(optarg, &config->bytes);
	case OPT_DETACH:
		config->detach = true;
		return true;
	default:
		fputs(usage, stderr);
		return false;
	}
}

static int run(const struct attach_ring_config *config, struct err *err)
{
	struct qmp *qmp;
	int status = qmp_connect(config->qmp, &qmp, err);

	if (status)
		return status;
	if (config->detach)
		status = ring_device_unplug(qmp, err);
	else
		status = ring_device_plug(qmp, config->ring, config->bytes, err);
	qmp_destroy(qmp);
	if (status == 0)
		puts(config->detach ? "there is no ring" : "the ring is attached already");
	else if (status == 1)
		puts(config->detach ? "ring detached" : "ring attached");
	return status < 0 ? status : 0;
}

int cmd_attach_ring(int argc, char **argv)
{
	struct attach_ring_config config = { .bytes = ATTACH_RING_BYTES };
	struct err err = { .text = "" };
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s%s", usage, details);
			return CMD_OK;
		}
		if (!take_option(option, &config))
			return CMD_USAGE;
	}
	if (!config.qmp || !config.ring == !config.detach || optind != argc) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	if (!run(&config, &err))
		return CMD_OK;
	fprintf(stderr, "cvmdbg: %s\n", err.text);
	return CMD_FAILED;
}
