/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The tracer's part of an injection: stop the thread, lay the frame, make the call, put the
 * registers back, let go. The thread is traced only for the length of a call, so that signals to
 * QEMU never wait for us. The order of steps in call_begin and call_end is what makes a kill -9
 * between any two of them harmless; inject.h says why.
 */
#include "host/qemu/inject.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "host/qemu/inject_internal.h"

enum {
	STOP_TIMEOUT_MS = 10000,   /* a thread in a page fault or in a slow device model */
	SHORT_TIMEOUT_MS = 10000,  /* mmap, munmap */
	IOCTL_TIMEOUT_MS = 120000, /* above psp_cmd_timeout of the ccp driver, 100 s */
	WAIT_SLICE_MS = 100,
	LET_GO_MAX = 1000,
	SYSCALL_STOP = SIGTRAP | 0x80, /* PTRACE_O_TRACESYSGOOD */
};

#define ALL_SIGNALS UINT64_MAX

struct inject {
	struct vm *vm;
	struct journal *journal;
	struct inject_gadgets gadgets;
	hva_t area;
	uint64_t bytes;
	bool stuck; /* a call did not return in time; the thread is still traced */
	struct inject_thread thread;
	struct inject_frame frame;
};

struct call {
	long number;
	uint64_t args[6];
	unsigned int timeout_ms;
};

/* --- waiting --- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int gone(struct inject *in, struct err *err)
{
	return err_set(err, ST_GONE, "QEMU (PID %d) has ended", (int)in->vm->pid);
}

/*
 * The next stop of the thread; *ret as from waitpid. SIGCHLD is blocked, so that sigtimedwait finds
 * the one that comes with the stop, whether before or after we look.
 */
static int stop_wait(struct inject *in, unsigned int timeout_ms, int *ret, struct err *err)
{
	struct timespec slice = { .tv_nsec = WAIT_SLICE_MS * 1000000l };
	uint64_t deadline = now_ms() + timeout_ms;
	pid_t pid = in->vm->pid, stopped;
	sigset_t chld, before;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &before);
	while (!(stopped = waitpid(pid, ret, __WALL | WNOHANG)) && now_ms() < deadline)
		(void)sigtimedwait(&chld, NULL, &slice);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (!stopped) {
		in->stuck = true;
		return err_set(err, ST_TIMEOUT, "QEMU's main thread did not answer for %u ms",
			       timeout_ms);
	}
	if (stopped < 0 || WIFEXITED(*ret) || WIFSIGNALED(*ret))
		return gone(in, err);
	return 0;
}

/* A stop because of a signal for the thread: the signal, to be passed on. 0 for stops of ours and
 * group stops. */
static int stop_signal(int wstatus)
{
	int sig = WSTOPSIG(wstatus);

	return wstatus >> 16 || sig == SYSCALL_STOP ? 0 : sig;
}

static int ptrace_failed(struct inject *in, const char *what, struct err *err)
{
	return errno == ESRCH ? gone(in, err) : err_sys(err, "%s", what);
}

/* --- stopping and letting go --- */

static int field_of(const char *path, const char *format)
{
	char line[256];
	FILE *f = fopen(path, "re");
	int value = -1;

	while (f && fgets(line, sizeof(line), f) && sscanf(line, format, &value) != 1)
		;
	if (f)
		fclose(f);
	return value;
}

/* PTRACE_SEIZE failed with EPERM: which of the reasons of ptrace(2) it is. */
static int explain_seize(struct inject *in, struct err *err)
{
	char path[40];
	int tracer, scope;

	if (errno == ESRCH)
		return gone(in, err);
	if (errno != EPERM)
		return err_sys(err, "tracing QEMU (PID %d)", (int)in->vm->pid);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)in->vm->pid);
	/* A zombie has no memory and cannot be traced either. */
	if (field_of(path, "VmSize: %d") < 0)
		return gone(in, err);
	tracer = field_of(path, "TracerPid: %d");
	if (tracer > 0)
		return err_set(err, ST_BUSY, "QEMU is being traced by process %d (a debugger?)",
			       tracer);
	scope = field_of("/proc/sys/kernel/yama/ptrace_scope", "%d");
	if (scope == 3)
		return err_set(err, ST_ACCES,
			       "kernel.yama.ptrace_scope is 3: this host forbids tracing");
	if (scope > 0)
		return err_set(err, ST_ACCES,
			       "may not trace QEMU: kernel.yama.ptrace_scope is %d; run as root, "
			       "or set it "
			       "to 0",
			       scope);
	return err_set(
		err, ST_ACCES,
		"may not trace QEMU (user %u): run as root, or as that user if QEMU is dumpable",
		(unsigned int)in->vm->uid);
}

static void let_go(struct inject *in)
{
	(void)ptrace(PTRACE_DETACH, in->vm->pid, NULL, NULL);
}

/* Waits for the stop that PTRACE_INTERRUPT asks for; signals that come in between are delivered. */
static int interrupt(struct inject *in, struct err *err)
{
	int status, wstatus, sig;

	for (;;) {
		if (ptrace(PTRACE_INTERRUPT, in->vm->pid, NULL, NULL))
			return ptrace_failed(in, "stopping QEMU's main thread", err);
		status = stop_wait(in, STOP_TIMEOUT_MS, &wstatus, err);
		if (status)
			return status;
		sig = stop_signal(wstatus);
		if (!sig)
			return 0;
		/* Any stop uses up the interrupt (ptrace_stop in kernel/signal.c): ask again. */
		if (ptrace(PTRACE_CONT, in->vm->pid, NULL, (long)sig))
			return ptrace_failed(in, "passing on a signal", err);
	}
}

static int seize(struct inject *in, struct err *err)
{
	int status;

	if (ptrace(PTRACE_SEIZE, in->vm->pid, NULL, (long)PTRACE_O_TRACESYSGOOD))
		return explain_seize(in, err);
	status = interrupt(in, err);
	if (status && !in->stuck)
		let_go(in);
	return status;
}

/* After a timeout: lets the thread go if it has come back meanwhile; the frame does the rest. */
static int unstick(struct inject *in, struct err *err)
{
	int wstatus;

	if (!in->stuck)
		return 0;
	if (waitpid(in->vm->pid, &wstatus, __WALL | WNOHANG) <= 0)
		return err_set(err, ST_BUSY, "an earlier call inside QEMU has not returned yet");
	if (WIFSTOPPED(wstatus))
		let_go(in);
	in->stuck = false;
	return 0;
}

/* --- one call --- */

static int thread_save(struct inject *in, struct err *err)
{
	struct inject_thread *t = &in->thread;
	struct iovec xsave = { .iov_base = t->xsave, .iov_len = sizeof(t->xsave) };

	if (ptrace(PTRACE_GETREGS, in->vm->pid, NULL, &t->regs) ||
	    ptrace(PTRACE_GETSIGMASK, in->vm->pid, sizeof(t->sigmask), &t->sigmask) ||
	    ptrace(PTRACE_GETREGSET, in->vm->pid, (long)NT_X86_XSTATE, &xsave))
		return ptrace_failed(in, "reading the registers of QEMU's main thread", err);
	t->xsave_len = xsave.iov_len;
	return 0;
}

/*
 * Stops the thread at a place of its own. A thread that an agent left behind when it was killed may
 * be about to make that agent's call: it makes it first.
 */
static int thread_stop(struct inject *in, struct err *err)
{
	unsigned int i;
	int status;

	for (i = 0; i < LET_GO_MAX; i++) {
		status = seize(in, err);
		if (status)
			return status;
		status = thread_save(in, err);
		if (!status && in->thread.regs.rip != in->gadgets.syscall_ret)
			return 0;
		let_go(in);
		if (status)
			return status;
		sched_yield();
	}
	return err_set(err, ST_BUSY, "a call of an earlier cvmdbg inside QEMU does not end");
}

/* From the first PTRACE_SETREGS on the thread finds back by itself. */
static int call_begin(struct inject *in, const struct call *call, struct err *err)
{
	struct user_regs_struct regs = in->thread.regs;
	uint64_t all = ALL_SIGNALS;
	int status = inject_frame_build(&in->thread, in->gadgets.sigreturn, &in->frame, err);

	if (!status)
		status = inject_poke(in, HVA(in->frame.rsp), in->frame.data, in->frame.len, err);
	if (status)
		return status;
	regs.rip = in->gadgets.syscall_ret;
	regs.rsp = in->frame.rsp;
	regs.orig_rax = (unsigned long long)-1; /* no restart handling of the kernel's own */
	regs.rax = (unsigned long long)call->number;
	regs.rdi = call->args[0];
	regs.rsi = call->args[1];
	regs.rdx = call->args[2];
	regs.r10 = call->args[3];
	regs.r8 = call->args[4];
	regs.r9 = call->args[5];
	if (ptrace(PTRACE_SETREGS, in->vm->pid, NULL, &regs) ||
	    /* Signals wait: a handler must not run in the middle of our call. */
	    ptrace(PTRACE_SETSIGMASK, in->vm->pid, sizeof(all), &all))
		return ptrace_failed(in, "setting the registers of QEMU's main thread", err);
	return 0;
}

/* Runs to the next system call stop. Only SIGSTOP and group stops can come in between. */
static int run_to_syscall_stop(struct inject *in, unsigned int timeout_ms, struct err *err)
{
	int status, wstatus = 0, sig = 0;

	do {
		if (ptrace(PTRACE_SYSCALL, in->vm->pid, NULL, (long)sig))
			return ptrace_failed(in, "running a call in QEMU", err);
		status = stop_wait(in, timeout_ms, &wstatus, err);
		if (status)
			return status;
		sig = stop_signal(wstatus);
	} while (WSTOPSIG(wstatus) != SYSCALL_STOP);
	return 0;
}

static int call_end(struct inject *in, long *ret, struct err *err)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, in->vm->pid, NULL, &regs))
		return ptrace_failed(in, "reading the result of a call in QEMU", err);
	*ret = (long)regs.rax;
	regs = in->thread.regs;
	inject_regs_restart(&regs, false);
	if (ptrace(PTRACE_SETSIGMASK, in->vm->pid, sizeof(in->thread.sigmask),
		   &in->thread.sigmask) ||
	    ptrace(PTRACE_SETREGS, in->vm->pid, NULL, &regs))
		return ptrace_failed(in, "restoring the registers of QEMU's main thread", err);
	return 0;
}

/* *ret: what the kernel returned, -errno included. */
static int call_run(struct inject *in, const struct call *call, long *ret, struct err *err)
{
	int status = unstick(in, err);

	if (!status)
		status = thread_stop(in, err);
	if (status)
		return status;
	status = call_begin(in, call, err);
	if (!status)
		status = run_to_syscall_stop(in, SHORT_TIMEOUT_MS, err);
	if (!status)
		status = run_to_syscall_stop(in, call->timeout_ms, err);
	if (!status)
		status = call_end(in, ret, err);
	if (!in->stuck)
		let_go(in);
	return status;
}

/* --- the area --- */

static int area_unmap(struct inject *in, struct err *err)
{
	struct call call = {
		.number = SYS_munmap,
		.args = { in->area.v, in->bytes },
		.timeout_ms = SHORT_TIMEOUT_MS,
	};
	long result;
	int status = call_run(in, &call, &result, err);

	if (status)
		return status;
	if (result < 0) {
		errno = (int)-result;
		return err_sys(err, "munmap in QEMU");
	}
	in->journal->inject_bytes = 0;
	return 0;
}

static int area_map(struct inject *in, struct err *err)
{
	struct call map = { .number = SYS_mmap, .timeout_ms = SHORT_TIMEOUT_MS };
	struct call advise = { .number = SYS_madvise, .timeout_ms = SHORT_TIMEOUT_MS };
	long result;
	int status = inject_hole_find(in->vm->pid, in->bytes, &in->area.v, err);

	if (status)
		return status;
	map.args[0] = in->area.v;
	map.args[1] = in->bytes;
	map.args[2] = PROT_READ | PROT_WRITE;
	map.args[3] = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	map.args[4] = UINT64_MAX; /* no file */
	in->journal->inject_addr = in->area.v;
	in->journal->inject_bytes = in->bytes;
	status = call_run(in, &map, &result, err);
	if (status)
		return status;
	if (result != (long)in->area.v) {
		in->journal->inject_bytes = 0;
		errno = result < 0 ? (int)-result : EEXIST;
		return err_sys(err, "mmap in QEMU");
	}
	/* Small pages (sev-host.md 6); a kernel without huge pages refuses, and has no others. */
	advise.args[0] = in->area.v;
	advise.args[1] = in->bytes;
	advise.args[2] = MADV_NOHUGEPAGE;
	return call_run(in, &advise, &result, err);
}

/* --- life --- */

static int create(struct vm *vm, struct journal *journal, struct inject **ret, struct err *err)
{
	struct inject *in;
	unsigned int i;
	int status;

	for (i = 0; i < vm->vcpus; i++)
		if (vm->vcpu_tid[i] == vm->pid)
			return err_set(err, ST_UNSUPPORTED, "QEMU's main thread is a vCPU");
	in = aligned_alloc(64, (sizeof(*in) + 63) & ~(size_t)63);
	if (!in)
		return err_set(err, ST_NOMEM, "out of memory");
	memset(in, 0, sizeof(*in));
	in->vm = vm;
	in->journal = journal;
	status = inject_gadgets_find(vm->pid, &in->gadgets, err);
	if (status) {
		free(in);
		return status;
	}
	*ret = in;
	return 0;
}

int inject_open(struct vm *vm, unsigned int pages, struct journal *journal, struct inject **ret,
		struct err *err)
{
	struct inject *in;
	int status = create(vm, journal, &in, err);

	if (status)
		return status;
	in->bytes = (uint64_t)pages * PAGE_BYTES;
	status = area_map(in, err);
	if (status) {
		inject_close(in);
		return status;
	}
	*ret = in;
	return 0;
}

void inject_close(struct inject *in)
{
	struct err ignored;

	if (!in)
		return;
	/* What cannot be undone here stays in the journal. */
	if (in->journal->inject_bytes)
		(void)!area_unmap(in, &ignored);
	free(in);
}

int inject_recover(struct vm *vm, struct journal *journal, struct err *err)
{
	struct inject *in;
	bool exists = false;
	int status;

	if (!journal->inject_bytes)
		return 0;
	status = create(vm, journal, &in, err);
	if (status)
		return err_add(err, status, "taking back the pages mapped in QEMU");
	in->area = HVA(journal->inject_addr);
	in->bytes = journal->inject_bytes;
	/* Stopping it once lets the thread finish what the dead agent had begun. */
	status = thread_stop(in, err);
	if (!status) {
		let_go(in);
		status = inject_area_exists(vm->pid, in->area.v, in->bytes, &exists, err);
	}
	if (!status && exists)
		status = area_unmap(in, err);
	if (!status)
		journal->inject_bytes = 0;
	free(in);
	return status ? err_add(err, status, "taking back the pages mapped in QEMU") : 0;
}

/* --- use --- */

hva_t inject_area(const struct inject *in)
{
	return in->area;
}

static int moved(ssize_t n, size_t len, hva_t addr, struct err *err)
{
	if (n == (ssize_t)len)
		return 0;
	if (n < 0)
		return err_sys(err, "QEMU's memory at 0x%" PRIx64, addr.v);
	return err_set(err, ST_IO, "QEMU's memory at 0x%" PRIx64 ": only %zd bytes", addr.v, n);
}

int inject_peek(struct inject *in, hva_t addr, void *ret, size_t len, struct err *err)
{
	struct iovec local = { .iov_base = ret, .iov_len = len };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)addr.v, .iov_len = len };

	return moved(process_vm_readv(in->vm->pid, &local, 1, &remote, 1, 0), len, addr, err);
}

int inject_poke(struct inject *in, hva_t addr, const void *data, size_t len, struct err *err)
{
	struct iovec local = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)addr.v, .iov_len = len };

	return moved(process_vm_writev(in->vm->pid, &local, 1, &remote, 1, 0), len, addr, err);
}

int inject_ioctl(struct inject *in, int fd, unsigned long request, uint64_t arg, long *ret,
		 struct err *err)
{
	struct call call = {
		.number = SYS_ioctl,
		.args = { (uint64_t)fd, request, arg },
		.timeout_ms = IOCTL_TIMEOUT_MS,
	};

	return call_run(in, &call, ret, err);
}
