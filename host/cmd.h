/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Subcommands. To add one: cmd_NAME.c with cmd_NAME(), a prototype here, a row in main.c's table, a
 * section in docs/man/cvmdbg.1.
 */
#ifndef HOST_CMD_H
#define HOST_CMD_H

/* sysexits-like, documented in cvmdbg(1). */
enum cmd_exit {
	CMD_OK = 0,
	CMD_FAILED = 1,		/* the work failed; stderr says why */
	CMD_USAGE = 2,		/* the command line is wrong */
	CMD_NOT_DEBUGGABLE = 3, /* the guest's type or policy forbids it */
};

/* argv[0] is the subcommand's name. Returns enum cmd_exit. */
int cmd_attach_ring(int argc, char **argv);
int cmd_connect(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_relay(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_verify(int argc, char **argv);

#endif
