/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The command-line options that say what an attestation has to prove, for every command that
 * verifies one. Put ATTEST_OPTIONS into the command's table of options and ATTEST_OPTIONS_HELP into
 * its help; give what getopt_long returns to attest_option().
 */
#ifndef HOST_ATTEST_OPTIONS_H
#define HOST_ATTEST_OPTIONS_H

#include <getopt.h>

#include "host/attest/verify.h"
#include "host/err.h"

enum attest_option {
	ATTEST_OPTION_FIRST = 0x100,
	ATTEST_OPTION_ARK = ATTEST_OPTION_FIRST,
	ATTEST_OPTION_ASK,
	ATTEST_OPTION_VCEK,
	ATTEST_OPTION_MEASUREMENT,
	ATTEST_OPTION_HOST_DATA,
	ATTEST_OPTION_ID_KEY_DIGEST,
	ATTEST_OPTION_MIN_TCB,
	ATTEST_OPTION_VMPL,
	ATTEST_OPTION_DEBUG,
	ATTEST_OPTION_MIGRATION,
	ATTEST_OPTION_LAST = ATTEST_OPTION_MIGRATION,
};

/* clang-format off */
#define ATTEST_OPTIONS                                                                \
	{ "ark", required_argument, NULL, ATTEST_OPTION_ARK },                        \
	{ "ask", required_argument, NULL, ATTEST_OPTION_ASK },                        \
	{ "vcek", required_argument, NULL, ATTEST_OPTION_VCEK },                      \
	{ "measurement", required_argument, NULL, ATTEST_OPTION_MEASUREMENT },        \
	{ "host-data", required_argument, NULL, ATTEST_OPTION_HOST_DATA },            \
	{ "id-key-digest", required_argument, NULL, ATTEST_OPTION_ID_KEY_DIGEST },    \
	{ "min-tcb", required_argument, NULL, ATTEST_OPTION_MIN_TCB },                \
	{ "vmpl", required_argument, NULL, ATTEST_OPTION_VMPL },                      \
	{ "allow-debug-policy", no_argument, NULL, ATTEST_OPTION_DEBUG },             \
	{ "allow-migration-policy", no_argument, NULL, ATTEST_OPTION_MIGRATION }

#define ATTEST_OPTIONS_HELP                                                           \
	"  --ark FILE                AMD's root certificate (PEM or DER), from kdsintf.amd.com\n"     \
	"  --ask FILE                AMD's intermediate: ASK, or ASVK for a VLEK\n"   \
	"  --vcek FILE               the chip's or cloud's certificate: VCEK or VLEK\n" \
	"  --measurement HEX         what must have been launched (48 bytes)\n"       \
	"  --host-data HEX           HOST_DATA of the launch (32 bytes)\n"            \
	"  --id-key-digest HEX       digest of the key that signed the identity block (48 bytes)\n"   \
	"  --min-tcb NAME=N,...      fmc, bootloader, tee, snp, microcode: at least these\n" \
	"  --vmpl N                  accept reports asked for at VMPL 0 to N (default 0)\n"  \
	"  --allow-debug-policy      accept a guest that its host may read\n"         \
	"  --allow-migration-policy  accept a guest that a migration agent may export\n"
/* clang-format on */

/*
 * Takes @option if it is one of ours: 1; 0: it is not. ST_INVAL, or as reading a file: with an
 * explanation that names the option.
 */
int attest_option(int option, const char *argument, struct attest_config *config,
		  struct err *err) MUST_USE;

/* Hexadecimal digits of exactly @size bytes. ST_INVAL, *err says how many there should be. */
int attest_parse_hex(const char *text, uint8_t *ret, size_t size, struct err *err) MUST_USE;

#endif
