/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sevsim: a SEV host for machines that have none (README.md). `run` starts a VM, `exec` runs an
 * agent under the supervisor, `ctl` asks a running sevsim.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "machine.h"
#include "memlock.h"
#include "points.h"
#include "proxies.h"
#include "stale.h"

struct sim sim = { .kernel = SIM_LINUX_6_1, .cbit = 51, .lock = PTHREAD_MUTEX_INITIALIZER };

static const char usage[] =
	"usage: sevsim run --type sev|sev-es|snp [--policy N] [--cbit N] --dir DIR [--shared "
	"GPA+LENGTH]...\n"
	"                  [--qemu-api 7.2|9.1] [--kernel 6.1|6.12|7.3] [--psp-latency-us N]\n"
	"                  [--gdb unix:PATH] [--memlock-limit] [--close-sev] -- qemu-system-x86_64 "
	"ARGS...\n"
	"       sevsim exec --dir DIR -- PROGRAM ARGS...\n"
	"       sevsim ctl --dir DIR stats [reset] | fault JSON | plaintext GPA LENGTH | state\n";

static int fail(void)
{
	fputs(usage, stderr);
	return 2;
}

enum option_id {
	OPT_TYPE,
	OPT_POLICY,
	OPT_CBIT,
	OPT_DIR,
	OPT_SHARED,
	OPT_API,
	OPT_KERNEL,
	OPT_LATENCY,
	OPT_GDB,
	OPT_MEMLOCK,
	OPT_CLOSE_SEV,
};

static const struct option options[] = {
	{ "type", required_argument, NULL, OPT_TYPE },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "cbit", required_argument, NULL, OPT_CBIT },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "shared", required_argument, NULL, OPT_SHARED },
	{ "qemu-api", required_argument, NULL, OPT_API },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "psp-latency-us", required_argument, NULL, OPT_LATENCY },
	{ "gdb", required_argument, NULL, OPT_GDB },
	{ "memlock-limit", no_argument, NULL, OPT_MEMLOCK },
	{ "close-sev", no_argument, NULL, OPT_CLOSE_SEV },
	{ NULL, 0, NULL, 0 },
};

/* Index of @text in a NULL-terminated list, or -1. */
static int choose(const char *text, const char *const *list)
{
	int i;

	for (i = 0; list[i]; i++)
		if (!strcmp(text, list[i]))
			return i;
	return -1;
}

static bool add_shared(const char *text)
{
	struct sim_range *r = &sim.shared[sim.nshared];
	char *plus;

	if (sim.nshared == SIM_RANGES_MAX)
		return false;
	r->gpa = strtoull(text, &plus, 0);
	if (*plus != '+')
		return false;
	r->bytes = strtoull(plus + 1, NULL, 0);
	sim.nshared++;
	return r->bytes != 0;
}

static bool take(int id, const char *value)
{
	static const char *const types[] = { "sev", "sev-es", "snp", NULL };
	static const char *const apis[] = { "7.2", "9.1", NULL };
	static const char *const kernels[] = { "6.1", "6.12", "7.3", NULL };
	char spec[64];
	json_t *fault;
	int n = 0;

	switch (id) {
	case OPT_TYPE:
		sim.type = (enum sim_type)(n = choose(value, types));
		return n >= 0;
	case OPT_POLICY:
		sim.policy = strtoull(value, NULL, 0);
		return true;
	case OPT_CBIT:
		sim.cbit = (unsigned int)strtoul(value, NULL, 0);
		return sim.cbit > 31 && sim.cbit < 52;
	case OPT_DIR:
		sim.dir = value;
		return true;
	case OPT_SHARED:
		return add_shared(value);
	case OPT_API:
		sim.qemu_91 = (n = choose(value, apis)) == 1;
		return n >= 0;
	case OPT_KERNEL:
		sim.kernel = (enum sim_kernel)(n = choose(value, kernels));
		return n >= 0;
	case OPT_LATENCY:
		snprintf(spec, sizeof(spec), "{\"delay_us\": %lu}", strtoul(value, NULL, 0));
		fault = json_loads(spec, 0, NULL);
		n = psp_fault(fault) != NULL;
		json_decref(fault);
		return !n;
	case OPT_GDB:
		sim.gdb_at_start = value;
		return true;
	case OPT_MEMLOCK:
		return sim.memlock_limit = true;
	case OPT_CLOSE_SEV:
		return sim.close_sev = true;
	default:
		return false;
	}
}

/* --- run --- */

static int catch_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* QEMU's exit status once it has ended, else -1; ends it when we were asked to end. */
static int reap(int signals)
{
	struct signalfd_siginfo info;
	int status;

	if (read(signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD)
		kill(sim.qemu, SIGTERM);
	if (waitpid(sim.qemu, &status, WNOHANG) != sim.qemu)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int loop(int signals, int control)
{
	enum { SIGNALS, QMP, GDB, CONTROL, PRIVATE_QMP, PRIVATE_GDB, STALE, SOURCES };
	bool gone = false;

	for (;;) {
		struct pollfd p[SOURCES] = {
			[SIGNALS] = { .fd = signals, .events = POLLIN },
			[QMP] = { .fd = gone ? -1 : qmp_proxy_fd(), .events = POLLIN },
			[GDB] = { .fd = gone ? -1 : gdb_proxy_fd(), .events = POLLIN },
			[CONTROL] = { .fd = control, .events = POLLIN },
			[PRIVATE_QMP] = { .fd = gone ? -1 : machine_qmp_fd(), .events = POLLIN },
			[PRIVATE_GDB] = { .fd = gone ? -1 : machine_gdb_fd(), .events = POLLIN },
			[STALE] = { .fd = gone ? -1 : stale_fd(), .events = POLLIN },
		};
		int status;

		if (poll(p, SOURCES, -1) < 0)
			continue;
		if (p[SIGNALS].revents && (status = reap(signals)) >= 0)
			return status;
		if (p[CONTROL].revents)
			control_ready(control);
		/* One source a turn: each may change what another has to say. */
		if (p[PRIVATE_GDB].revents) {
			gone |= machine_gdb_readable() < 0;
		} else if (p[PRIVATE_QMP].revents) {
			gone |= machine_qmp_readable() < 0;
		} else if (p[STALE].revents) {
			if (machine_refresh())
				fputs("sevsim: translated code may be stale\n", stderr);
		} else if (p[GDB].revents) {
			gdb_proxy_ready();
		} else if (p[QMP].revents) {
			qmp_proxy_ready();
		}
	}
}

static int run(char **argv)
{
	int signals = catch_signals(), control;
	struct launched l;

	if (!sim.dir || !argv[0])
		return fail();
	if (launch_qemu(argv, &l) || notify_start(l.filter))
		return 1;
	control = control_listen();
	if (control < 0 || stale_open() || machine_open() || ram_open())
		return 1;
	memlock_register();
	machine_before_run = points_arm;
	machine_after_stop = points_disarm;
	machine_stopped = gdb_proxy_stopped;
	gdb_proxy_freeze();
	qmp_proxy_listen(l.qmp);
	if (sim.gdb_at_start && gdb_proxy_open(sim.gdb_at_start))
		return 1;
	if (machine_start())
		return 1;
	printf("sevsim: ready qmp=%s/qmp pid=%d\n", sim.dir, (int)sim.qemu);
	fflush(stdout);
	return loop(signals, control);
}

/* --- exec, ctl --- */

static int become_agent(char **argv)
{
	json_t *reply;
	int filter;

	if (!sim.dir || !argv[0])
		return fail();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	filter = notify_install(true);
	if (filter < 0 || control_request(sim.dir, json_pack("[s]", "agent"), filter, &reply))
		return 1;
	json_decref(reply);
	close(filter);
	execvp(argv[0], argv);
	perror(argv[0]);
	return 127;
}

static int ctl(char **argv)
{
	json_t *words = json_array(), *reply;
	int status;

	if (!sim.dir || !argv[0])
		return fail();
	for (; *argv; argv++)
		json_array_append_new(words, json_string(*argv));
	if (control_request(sim.dir, words, -1, &reply))
		return 1;
	json_dumpf(reply, stdout, JSON_INDENT(1));
	putchar('\n');
	status = json_object_get(reply, "error") ? 1 : 0;
	json_decref(reply);
	return status;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	int option;

	optind = 2;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) >= 0)
		if (!take(option, optarg ? optarg : ""))
			return fail();
	if (!strcmp(command, "run"))
		return run(argv + optind);
	if (!strcmp(command, "exec"))
		return become_agent(argv + optind);
	if (!strcmp(command, "ctl"))
		return ctl(argv + optind);
	return fail();
}
