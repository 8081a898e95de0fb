/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host/qemu/inject*.c on a victim of our own that checks all its registers all the time, in user
 * code and around system calls: injected calls work and leave nothing behind, and an agent that is
 * killed at a random moment leaves a victim that goes on as if nothing had been.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/qemu/inject.h"
#include "host/qemu/inject_internal.h"

enum {
	AREA_PAGES = 3,
	CALLS = 2000,
	KILLS = 200,
	KILLS_MAX = 2000,
	KILL_MAX_US = 3000,
	SIGNALS = 300,
	PIPE_BYTES = 5,
};

/* In memory shared by test, victim and agents. */
struct shared {
	volatile uint64_t rounds; /* of the victim */
	volatile uint64_t failed; /* number of the check that failed */
	volatile uint64_t signals;
	volatile int interrupted_ok; /* nanosleep may say EINTR: an agent was killed in it */
	struct journal journal;
};

struct fixture {
	struct shared *shared;
	struct vm *vm;
	int pipe[2];
};

/* --- the victim --- */

/*
 * Loads a pattern into every register but rsp, into the red zone, all of xmm and (with AVX) ymm15,
 * then checks them @spins times; returns 0 or the number of the check that failed.
 */
uint64_t victim_spin(uint64_t spins);
uint8_t victim_avx; /* what the CPU can do */
__asm__(".pushsection .text\n"
	".globl victim_spin\n"
	"victim_spin:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	movl $0x5eed, -128(%rsp); movq %rdi, -8(%rsp)\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	movsd victim_doubles+8*\\n(%rip), %xmm\\n\n"
	"	.endr\n"
	"	testb $1, victim_avx(%rip); jz 1f; vbroadcastsd victim_doubles+8*15(%rip), %ymm15\n"
	"1:	mov $0x101, %rax; mov $0x102, %rbx; mov $0x103, %rcx; mov $0x104, %rdx\n"
	"	mov $0x105, %rsi; mov $0x106, %rdi; mov $-0x107, %rbp; mov $0x108, %r8\n"
	"	mov $0x109, %r9; mov $0x10a, %r10; mov $0x10b, %r11; mov $-0x10c, %r12\n"
	"	mov $0x10d, %r13; mov $0x10e, %r14; mov $0x10f, %r15\n"
	"1:	cmp $0x101, %rax; jne 2f; cmp $0x102, %rbx; jne 2f; cmp $0x103, %rcx; jne 2f\n"
	"	cmp $0x104, %rdx; jne 2f; cmp $0x105, %rsi; jne 2f; cmp $0x106, %rdi; jne 2f\n"
	"	cmp $-0x107, %rbp; jne 2f; cmp $0x108, %r8; jne 2f; cmp $0x109, %r9; jne 2f\n"
	"	cmp $0x10a, %r10; jne 2f; cmp $0x10b, %r11; jne 2f; cmp $-0x10c, %r12; jne 2f\n"
	"	cmp $0x10d, %r13; jne 2f; cmp $0x10e, %r14; jne 2f; cmp $0x10f, %r15; jne 2f\n"
	"	cmpl $0x5eed, -128(%rsp); jne 3f\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	ucomisd victim_doubles+8*\\n(%rip), %xmm\\n\n"
	"	jne 4f; jp 4f\n"
	"	.endr\n"
	"	testb $1, victim_avx(%rip); jz 6f\n"
	"	vptest victim_ymm15(%rip), %ymm15; jnc 4f\n"
	"6:	decq -8(%rsp); jnz 1b\n"
	"	xor %eax, %eax; jmp 5f\n"
	"2:	mov $1, %eax; jmp 5f\n"
	"3:	mov $2, %eax; jmp 5f\n"
	"4:	mov $3, %eax\n"
	"5:	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".popsection\n"
	".pushsection .rodata\n"
	"victim_doubles:\n"
	"	.double 0.5,1.5,2.5,3.5,4.5,5.5,6.5,7.5,8.5,9.5,10.5,11.5,12.5,13.5,14.5,15.5\n"
	"victim_ymm15: .double 15.5,15.5,15.5,15.5\n"
	".popsection\n");

static struct shared *victim_shared;

static void count_signal(int sig)
{
	(void)sig;
	victim_shared->signals++;
}

static uint64_t victim_round(struct shared *s)
{
	struct timespec brief = { .tv_nsec = 200000 };
	uint64_t failed = victim_spin(20000);

	if (failed)
		return failed;
	/* The last three may be cut short by a signal that has a handler, and by that alone. */
	if (ppoll(NULL, 0, &brief, NULL) != 0 && !(errno == EINTR && s->signals))
		return 10;
	if (nanosleep(&brief, NULL) != 0 && !(s->interrupted_ok || s->signals))
		return 11;
	if (getppid() <= 0)
		return 12;
	return 0;
}

static void victim_run(struct shared *s)
{
	struct sigaction action = { .sa_handler = count_signal };

	victim_shared = s;
	victim_avx = !!__builtin_cpu_supports("avx");
	sigaction(SIGUSR1, &action, NULL);
	while (!s->failed) {
		s->failed = victim_round(s);
		s->rounds++;
	}
	_exit(1);
}

/* --- fixture --- */

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->shared = mmap(NULL, sizeof(*f->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(f->shared, MAP_FAILED);
	f->vm = calloc(1, sizeof(*f->vm));
	assert_int_equal(pipe(f->pipe), 0);
	assert_int_equal(write(f->pipe[1], "12345", PIPE_BYTES), PIPE_BYTES);
	f->vm->pid = fork();
	if (!f->vm->pid) {
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		victim_run(f->shared);
	}
	while (!f->shared->rounds)
		usleep(100);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kill(f->vm->pid, SIGKILL);
	waitpid(f->vm->pid, NULL, __WALL);
	close(f->pipe[0]);
	close(f->pipe[1]);
	munmap(f->shared, sizeof(*f->shared));
	free(f->vm);
	free(f);
	return 0;
}

static struct inject *opened(struct fixture *f)
{
	struct inject *in;
	struct err err = { "" };

	if (inject_open(f->vm, AREA_PAGES, &f->shared->journal, &in, &err))
		fail_msg("inject_open: %s", err.text);
	return in;
}

/* The victim still runs its checks, untraced, and finds nothing wrong. */
static void assert_well(struct fixture *f)
{
	uint64_t rounds = f->shared->rounds;
	unsigned int i;

	for (i = 0; i < 20000 && f->shared->rounds < rounds + 2 && !f->shared->failed; i++)
		usleep(100);
	assert_int_equal(f->shared->failed, 0);
	assert_true(f->shared->rounds >= rounds + 2);
}

static bool area_exists(struct fixture *f, uint64_t addr)
{
	struct err err;
	bool exists = false;

	assert_int_equal(
		inject_area_exists(f->vm->pid, addr, AREA_PAGES * PAGE_BYTES, &exists, &err), 0);
	return exists;
}

/* --- tests --- */

static void a_call_returns_what_the_kernel_says(void **state)
{
	struct fixture *f = *state;
	struct inject *in = opened(f);
	hva_t area = inject_area(in);
	struct err err = { "" };
	long result;
	int bytes = -1;

	assert_int_equal(f->shared->journal.inject_addr, area.v);
	assert_int_equal(f->shared->journal.inject_bytes, AREA_PAGES * PAGE_BYTES);
	assert_true(area_exists(f, area.v));
	assert_int_equal(inject_poke(in, area, &bytes, sizeof(bytes), &err), 0);
	assert_int_equal(inject_ioctl(in, f->pipe[0], FIONREAD, area.v, &result, &err), 0);
	assert_int_equal(result, 0);
	assert_int_equal(inject_peek(in, area, &bytes, sizeof(bytes), &err), 0);
	assert_int_equal(bytes, PIPE_BYTES);
	assert_int_equal(inject_ioctl(in, f->pipe[0], TCGETS, area.v, &result, &err), 0);
	assert_int_equal(result, -ENOTTY);
	assert_int_equal(inject_ioctl(in, 9999, FIONREAD, area.v, &result, &err), 0);
	assert_int_equal(result, -EBADF);
	inject_close(in);
	assert_int_equal(f->shared->journal.inject_bytes, 0);
	assert_false(area_exists(f, area.v));
	assert_well(f);
}

static void many_calls_disturb_nothing(void **state)
{
	struct fixture *f = *state;
	struct inject *in = opened(f);
	struct err err = { "" };
	unsigned int i;
	long result;

	for (i = 0; i < CALLS; i++) {
		if (inject_ioctl(in, f->pipe[0], FIONREAD, inject_area(in).v, &result, &err))
			fail_msg("call %u: %s", i, err.text);
		assert_int_equal(result, 0);
	}
	inject_close(in);
	assert_well(f);
}

static void signals_reach_the_victim(void **state)
{
	struct fixture *f = *state;
	struct inject *in = opened(f);
	struct err err = { "" };
	uint64_t before;
	unsigned int i;
	long result;

	for (i = 0; i < SIGNALS; i++) {
		before = f->shared->signals;
		kill(f->vm->pid, SIGUSR1);
		if (inject_ioctl(in, f->pipe[0], FIONREAD, inject_area(in).v, &result, &err))
			fail_msg("call %u: %s", i, err.text);
		assert_int_equal(result, 0);
		while (f->shared->signals == before)
			usleep(10);
	}
	inject_close(in);
	assert_well(f);
}

static void a_stopped_process_stays_stopped(void **state)
{
	struct fixture *f = *state;
	struct inject *in = opened(f);
	struct err err = { "" };
	uint64_t rounds;
	int wstatus;
	long result;

	kill(f->vm->pid, SIGSTOP);
	assert_int_equal(waitpid(f->vm->pid, &wstatus, WUNTRACED), f->vm->pid);
	assert_int_equal(inject_ioctl(in, f->pipe[0], FIONREAD, inject_area(in).v, &result, &err),
			 0);
	assert_int_equal(result, 0);
	usleep(20000);
	rounds = f->shared->rounds;
	usleep(20000);
	assert_int_equal(f->shared->rounds, rounds);
	kill(f->vm->pid, SIGCONT);
	inject_close(in);
	assert_well(f);
}

static void the_end_of_the_victim_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct inject *in = opened(f);
	struct err err = { "" };
	int status;
	long result;

	kill(f->vm->pid, SIGKILL);
	do
		status = inject_ioctl(in, f->pipe[0], FIONREAD, inject_area(in).v, &result, &err);
	while (!status);
	assert_int_equal(status, ST_GONE);
	inject_close(in);
}

static void another_tracer_is_named(void **state)
{
	struct fixture *f = *state;
	struct inject *in;
	struct err err = { "" };
	int ready[2];
	pid_t tracer;
	char c;

	assert_int_equal(pipe(ready), 0);
	tracer = fork();
	if (!tracer) {
		if (ptrace(PTRACE_SEIZE, f->vm->pid, NULL, NULL) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(inject_open(f->vm, AREA_PAGES, &f->shared->journal, &in, &err), ST_BUSY);
	assert_non_null(strstr(err.text, "traced by process"));
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	assert_well(f);
}

/* An agent that calls until it is killed. */
static void agent_run(struct fixture *f)
{
	struct inject *in;
	struct err err;
	long result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (inject_open(f->vm, AREA_PAGES, &f->shared->journal, &in, &err))
			_exit(2);
		for (unsigned int i = 0; i < 20; i++)
			if (inject_ioctl(in, f->pipe[0], FIONREAD, inject_area(in).v, &result,
					 &err) ||
			    result)
				_exit(3);
		inject_close(in);
	}
}

static void a_killed_agent_harms_nobody(void **state)
{
	struct fixture *f = *state;
	struct journal *journal = &f->shared->journal;
	unsigned int i, recovered = 0;

	f->shared->interrupted_ok = 1;
	srand(1);
	/* On a slow machine the agents need longer to get going: then more and later kills. */
	for (i = 0; i < KILLS || (recovered <= KILLS / 4 && i < KILLS_MAX); i++) {
		struct err err = { "" };
		pid_t agent = fork();
		int wstatus;
		uint64_t addr;

		if (!agent)
			agent_run(f);
		usleep(500 + (useconds_t)(rand() % KILL_MAX_US) * (1 + i / KILLS));
		kill(agent, SIGKILL);
		assert_int_equal(waitpid(agent, &wstatus, 0), agent);
		if (!WIFSIGNALED(wstatus))
			fail_msg("agent %u ended with %d", i, WEXITSTATUS(wstatus));
		addr = journal->inject_addr;
		recovered += !!journal->inject_bytes;
		if (inject_recover(f->vm, journal, &err))
			fail_msg("recovery %u: %s", i, err.text);
		assert_int_equal(journal->inject_bytes, 0);
		assert_false(area_exists(f, addr));
		assert_well(f);
	}
	/* Else the kills came at the wrong times to show anything. */
	assert_true(recovered > KILLS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_returns_what_the_kernel_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_calls_disturb_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_reach_the_victim, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stopped_process_stays_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_the_victim_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(another_tracer_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_agent_harms_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
