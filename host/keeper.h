/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A small process that outlives the agent's kill -9. It shares the journal with the agent and
 * sleeps until the agent is gone; when the journal then says that something in the VM is displaced,
 * it puts it back over connections of its own and lets the guest run. It holds the VM's lock
 * meanwhile, so that no new agent comes in between.
 */
#ifndef HOST_KEEPER_H
#define HOST_KEEPER_H

#include "host/journal.h"
#include "host/qemu/vm.h"

struct keeper {
	pid_t pid; /* 0: not started */
	int fd;	   /* for poll(): hangs up when the keeper was killed */
};

/* A clean journal in memory that a forked process shares. */
int keeper_journal_create(struct journal **ret, struct err *err) MUST_USE;
void keeper_journal_destroy(struct journal *journal);

/* Whether anything is to be undone. */
bool keeper_pending(const struct journal *journal);

/*
 * Forks the keeper. To be called before the first change to @vm, and again when the last one was
 * killed.
 */
int keeper_start(struct vm *vm, struct journal *journal, struct keeper *ret,
		 struct err *err) MUST_USE;

/* Lets the keeper go: it undoes what is pending (nothing, normally) and ends. */
void keeper_stop(struct keeper *keeper);

#endif
