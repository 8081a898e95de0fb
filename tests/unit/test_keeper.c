/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The keeper: an agent process that is killed at any point of its work leaves a VM that runs and
 * whose memory is what it was; a keeper that is killed is noticed; an agent that ends in order is
 * not second-guessed. Works on tests/conformance/fake_vm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/keeper.h"
#include "host/target/planted.h"
#include "tests/conformance/fake_vm.h"

enum {
	WAIT_MS = 5000,
	POINTS = 20,
	KILLS = 100,
};

struct fixture {
	struct fake_vm *vm;
	struct journal *journal;
	struct psp *psp;
	struct pages *pages;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	f->vm = fake_vm_create(SEV_PLAIN);
	f->vm->vm.lock_fd = dup(STDERR_FILENO);
	assert_int_equal(keeper_journal_create(&f->journal, &err), 0);
	assert_int_equal(psp_open(&f->vm->vm, PSP_AUTO, f->journal, &f->psp, &err), 0);
	assert_int_equal(pages_create(f->psp, &f->pages, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pages_destroy(f->pages);
	keeper_journal_destroy(f->journal);
	close(f->vm->vm.lock_fd);
	fake_vm_destroy(f->vm);
	free(f);
	return 0;
}

static bool wait_for(const volatile bool *cleared)
{
	int i;

	for (i = 0; *cleared && i < WAIT_MS; i++)
		poll(NULL, 0, 1);
	return !*cleared;
}

/* What an agent does to a VM, endlessly. */
static void plant_and_remove(struct fixture *f)
{
	struct err err;
	unsigned int i;

	for (;;) {
		for (i = 0; i < POINTS; i++)
			(void)!planted_insert(f->journal, f->pages, GPA(0x102000 + 64 * i), true,
					      &err);
		for (i = 0; i < POINTS; i++)
			(void)!planted_remove(f->journal, f->pages, GPA(0x102000 + 64 * i), &err);
	}
}

static void killed_agent(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < KILLS; i++) {
		pid_t agent;

		f->vm->run_state = QMP_STOPPED;
		agent = fork();
		if (agent == 0) {
			struct keeper keeper;
			struct err err;

			if (keeper_start(&f->vm->vm, f->journal, &keeper, &err))
				_exit(1);
			f->journal->resume = true;
			plant_and_remove(f);
		}
		while (!((volatile struct journal *)f->journal)->resume)
			poll(NULL, 0, 1);
		poll(NULL, 0, (int)i % 5);
		kill(agent, SIGKILL);
		waitpid(agent, NULL, 0);
		assert_true(wait_for(&f->journal->resume));
		assert_false(keeper_pending(f->journal));
		assert_int_equal(f->vm->run_state, QMP_RUNNING);
		assert_true(fake_vm_untouched(f->vm));
	}
}

static void killed_keeper(void **state)
{
	struct fixture *f = *state;
	struct keeper keeper;
	struct pollfd p;
	struct err err;

	assert_int_equal(keeper_start(&f->vm->vm, f->journal, &keeper, &err), 0);
	p = (struct pollfd){ .fd = keeper.fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(keeper.pid, SIGTERM); /* ignored */
	assert_int_equal(poll(&p, 1, 50), 0);
	kill(keeper.pid, SIGKILL);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	keeper_stop(&keeper);
	assert_int_equal(keeper.pid, 0);
}

static void orderly_end(void **state)
{
	struct fixture *f = *state;
	struct keeper keeper;
	struct err err;

	assert_int_equal(keeper_start(&f->vm->vm, f->journal, &keeper, &err), 0);
	f->vm->run_state = QMP_STOPPED;
	keeper_stop(&keeper);
	assert_int_equal(f->vm->run_state, QMP_STOPPED);
	assert_int_equal(keeper.fd, -1);
	keeper_stop(&keeper); /* twice is harmless */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(killed_agent, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_keeper, setup, teardown),
		cmocka_unit_test_setup_teardown(orderly_end, setup, teardown),
	};

	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
