/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * QEMU behind its private QMP and gdbstub sockets, used by the main thread only. Every stop and
 * every resume of the VM goes through here, so RAM is ciphertext exactly while the VM is stopped.
 */
#ifndef TESTS_SEVSIM_MACHINE_H
#define TESTS_SEVSIM_MACHINE_H

#include "sim.h"

enum { MACHINE_PACKET = 8192 };

/* Connects to both sockets (QEMU was started with -S), finds RAM and vCPUs. 0 or -1 (said why). */
int machine_open(void);

/* QEMU waits stopped (-S): lets it run. */
int machine_start(void);

int machine_qmp_fd(void);
int machine_gdb_fd(void);

/*
 * A QMP command: its whole reply object (new reference), or NULL when QEMU is gone. Events that
 * arrive meanwhile go to @machine_event.
 */
json_t *machine_execute(const char *command, json_t *args);
/* The text of an HMP command, malloced; NULL on failure. */
char *machine_hmp(const char *line);
/* Reads what QEMU said unasked. -1: gone. */
int machine_qmp_readable(void);
/* Called for every event but STOP and RESUME, which machine.c makes itself once RAM is ready. */
extern void (*machine_event)(const json_t *event);

/* gdbstub: one exchange; the reply's text (NUL-terminated, in a static buffer) or NULL when QEMU is
 * gone. */
const char *machine_gdb(const char *packet);
/* The vCPU that g, p, P, m, M and Z mean; remembered so that nobody's selection is lost. */
int machine_select(unsigned int cpu);
/* Whether m and M mean physical addresses: whoever sends one says so first. */
int machine_physical(bool on);

/* Stop and resume as a client of QMP does. */
int machine_stop(void);
int machine_cont(void);
/* Resumes with a gdbstub packet (c, s, vCont): the stop reply arrives through machine_gdb_readable.
 */
int machine_resume(const char *packet);
/* Ctrl-C. */
int machine_interrupt(void);
/* Pages wait (stale.h): stops the VM, unseen by anybody, for QEMU to take note of them. */
int machine_refresh(void);
/* The private gdbstub has something to say: perhaps that the VM stopped. -1: gone. */
int machine_gdb_readable(void);

/* Called with the VM's RAM decrypted, just before it runs, and just after it stopped, before
 * encryption. */
extern void (*machine_before_run)(void);
extern void (*machine_after_stop)(void);
/* Called with every stop reply once RAM is ciphertext, whoever stopped the VM. */
extern void (*machine_stopped)(const char *reply);

#endif
