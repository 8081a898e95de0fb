/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The keeper's life: fork, forget everything but two descriptors, sleep, undo. Undoing uses the
 * same functions as a normal detach, in the same order, in an address space of its own: neither KVM
 * nor ptrace would take the dead agent's word.
 */
#include "host/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "host/qemu/inject.h"
#include "host/sev/pages.h"
#include "host/target/gdbstub.h"
#include "host/target/planted.h"
#include "host/target/remote.h"
#include "host/target/scratch.h"

enum {
	/*
	 * The dying agent's descriptors go one by one: its lock may outlive its end of our socket.
	 */
	KEEPER_LOCK_TRIES = 200,
	KEEPER_LOCK_WAIT_MS = 10,
};

int keeper_journal_create(struct journal **ret, struct err *err)
{
	void *mem = mmap(NULL, sizeof(struct journal), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return err_sys(err, "mmap of the journal");
	*ret = mem;
	return 0;
}

void keeper_journal_destroy(struct journal *journal)
{
	if (journal)
		munmap(journal, sizeof(*journal));
}

static bool points_pending(const struct journal *journal)
{
	unsigned int i;

	for (i = 0; i < JOURNAL_POINTS_MAX; i++)
		if (journal->point[i].used)
			return true;
	return false;
}

bool keeper_pending(const struct journal *journal)
{
	return journal->resume || journal->gdbstub_used || journal->inject_bytes ||
	       journal->scratch_used || points_pending(journal);
}

/* --- undoing --- */

static int attach(struct vm *vm, struct err *err)
{
	const struct timespec wait = { .tv_nsec = KEEPER_LOCK_WAIT_MS * 1000000l };
	int status = vm_attach(vm, err);
	unsigned int i;

	for (i = 0; status == ST_BUSY && i < KEEPER_LOCK_TRIES; i++) {
		nanosleep(&wait, NULL);
		status = vm_attach(vm, err);
	}
	return status;
}

/*
 * What needs the PSP: displaced pages and CR3, planted bytes. @cpu may be NULL when no CR3 is
 * displaced.
 */
static int undo_memory(struct vm *vm, struct journal *journal, struct target *cpu, struct err *err)
{
	struct pages *pages = NULL;
	struct psp *psp = NULL;
	int status;

	if (!journal->scratch_used && !points_pending(journal))
		return 0;
	status = psp_open(vm, PSP_AUTO, journal, &psp, err);
	if (!status)
		status = pages_create(psp, &pages, err);
	if (!status && journal->scratch_used && !cpu)
		status = err_set(err, ST_GONE, "QEMU's gdbstub is gone, CR3 cannot be restored");
	if (!status && journal->scratch_used)
		status = scratch_restore(psp, journal, cpu, err);
	if (!status)
		status = planted_undo(journal, pages, err);
	pages_destroy(pages);
	psp_close(psp);
	return status;
}

static int undo(struct vm *vm, struct journal *journal, struct err *err)
{
	struct target *cpu = NULL;
	struct chan *chan = NULL;
	bool resume = journal->resume;
	int status = 0;

	/*
	 * A guest that runs into a planted byte stops by itself; one that does not is stopped here.
	 */
	if (qmp_run_state(vm->qmp) == QMP_RUNNING &&
	    (journal->gdbstub_used || points_pending(journal))) {
		journal->resume = resume = true;
		status = qmp_stop(vm->qmp, err);
	}
	if (!status)
		status = inject_recover(vm, journal, err);
	if (!status && journal->gdbstub_used)
		status = gdbstub_reconnect(vm, journal, &chan, err);
	if (!status && chan)
		status = remote_create(chan, &cpu, err);
	if (!status)
		status = undo_memory(vm, journal, cpu, err);
	if (!status && cpu)
		status = cpu->ops->run->detach(cpu, resume);
	remote_destroy(cpu);
	if (!status)
		status = gdbstub_close(vm, journal, err);
	if (!status && resume)
		status = qmp_cont(vm->qmp, err);
	if (!status)
		journal->resume = false;
	return status;
}

/* The agent is dead, the journal not empty. @lock_fd: the lock it left us with. */
static void recover(const char *qmp_path, int lock_fd, struct journal *journal)
{
	struct vm *vm = NULL;
	struct err err = { .text = "" };
	int status;

	openlog("cvmdbg-keeper", LOG_PID, LOG_DAEMON);
	status = vm_open(qmp_path, &vm, &err);
	if (status)
		gdbstub_forget(journal);
	close(lock_fd); /* the same lock is taken anew: flock knows descriptors, not processes */
	if (!status)
		status = attach(vm, &err);
	if (!status)
		status = undo(vm, journal, &err);
	if (status)
		syslog(LOG_ERR, "cvmdbg was killed and the guest could not be restored: %s",
		       err.text);
	else
		syslog(LOG_NOTICE, "cvmdbg was killed: guest of QEMU %d restored", (int)vm->pid);
	vm_close(vm);
}

/* --- life --- */

/* Keeps descriptors @a and @b, and nothing at 0, 1 and 2 that anybody could wait for. */
static void close_others(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	int null = open("/dev/null", O_RDWR);
	int i;

	for (i = 0; i <= STDERR_FILENO; i++)
		if (i != a && i != b)
			dup2(null, i);
	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned int)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned int)low + 1, (unsigned int)high - 1, 0);
	close_range((unsigned int)high + 1, ~0u, 0);
}

static void keeper_main(const char *qmp_path, int lock_fd, int fd, struct journal *journal)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT };
	ssize_t n;
	char byte;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, "cvmdbg-keeper");
	close_others(lock_fd, fd);
	do {
		n = read(fd, &byte, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (keeper_pending(journal))
		recover(qmp_path, lock_fd, journal);
}

int keeper_start(struct vm *vm, struct journal *journal, struct keeper *ret, struct err *err)
{
	sigset_t all, before;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(err, "socketpair");
	/* Until it ignores them itself, no signal meant for the agent shall reach the keeper. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid != 0)
		sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0) {
		err_sys(err, "fork");
		close(pair[0]);
		close(pair[1]);
		return ST_NOMEM;
	}
	if (pid == 0) {
		keeper_main(qmp_path(vm->qmp), vm->lock_fd, pair[1], journal);
		_exit(0);
	}
	close(pair[1]);
	*ret = (struct keeper){ .pid = pid, .fd = pair[0] };
	return 0;
}

void keeper_stop(struct keeper *keeper)
{
	if (!keeper->pid)
		return;
	close(keeper->fd);
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*keeper = (struct keeper){ .fd = -1 };
}
