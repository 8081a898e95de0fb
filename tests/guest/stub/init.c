/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Process 1 of the guest that debugs itself: does what lines on its console say, and answers each
 * with "done NAME" or "failed NAME: why". It loads and unloads the stub, gets into trouble by way
 * of the specimen module, and keeps all CPUs in use when told to.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 4096, /* what a terminal takes (N_TTY_BUF_SIZE) */
	EVIDENCE_BYTES = 16384,
	BEAT_NS = 200000000,
	PAUSE_NS = 50000000,
	WORKERS_MAX = 64,
	WORK_NS = 2000000,
	WORK_PAGES = 16,
};

static pid_t worker[WORKERS_MAX];
static int workers;

static void nap(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* --- what lines say --- */

static int load(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -1 : (int)syscall(SYS_finit_module, fd, params, 0);

	if (fd >= 0)
		close(fd);
	return err;
}

/* What modprobe does for the stub on a system with its modules; some kernels have them built in. */
static void load_crypto(void)
{
	static const char *const names[] = { "/libcurve25519-generic.ko", "/curve25519-x86_64.ko",
					     "/sha512_generic.ko" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)load(names[i], "");
}

/* "\\n" stands for a newline: cvmdbg-load hands policies over as they are. */
static int do_load(const char *args)
{
	char text[LINE_MAX_BYTES], *to = text;

	for (; *args && to < text + sizeof(text) - 1; args++) {
		bool newline = args[0] == '\\' && args[1] == 'n';

		*to++ = newline ? '\n' : *args;
		args += newline;
	}
	*to = '\0';
	return load("/cvmdbg_stub.ko", text);
}

/* What the stub says of itself to the tool that attests it. */
static int do_identity(const char *args)
{
	int fd = open("/dev/cvmdbg", O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	(void)args;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	/* A line at a time: more at once and the emulated UART repeats a character now and then. */
	text[n] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		printf("%s\n", line);
		nap(PAUSE_NS);
	}
	return 0;
}

/* Hex digits, added to what came before; none: all that goes to the stub. */
static int do_evidence(const char *args)
{
	static unsigned char bytes[EVIDENCE_BYTES];
	static size_t len;
	unsigned int byte;
	ssize_t n = 0;
	int fd;

	for (; len < sizeof(bytes) && sscanf(args, "%2x", &byte) == 1; args += 2) {
		bytes[len++] = (unsigned char)byte;
		n = 1;
	}
	if (n)
		return 0;
	fd = open("/dev/cvmdbg", O_WRONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : write(fd, bytes, len);
	if (fd >= 0)
		close(fd);
	len = 0;
	return n < 0 ? -1 : 0;
}

static int do_unload(const char *args)
{
	(void)args;
	return (int)syscall(SYS_delete_module, "cvmdbg_stub", O_NONBLOCK);
}

static int do_specimen(const char *args)
{
	return write_file("/proc/specimen", args);
}

/* In a process of its own: it may not come back. */
static int do_trouble(const char *args)
{
	if (fork() == 0) {
		write_file("/proc/specimen", args);
		_exit(0);
	}
	return 0;
}

static int do_hash(const char *args)
{
	FILE *file = fopen("/proc/specimen", "re");
	char text[32];

	(void)args;
	if (!file || !fgets(text, sizeof(text), file))
		return -1;
	fclose(file);
	printf("hash %s", text);
	return 0;
}

/* Where a module's sections are, for a debugger outside. */
static int do_sections(const char *args)
{
	static const char *const names[] = { ".text", ".data", ".bss" };
	char path[128], address[32];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FILE *file;

		snprintf(path, sizeof(path), "/sys/module/%.32s/sections/%s", args, names[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(address, sizeof(address), file))
			printf("section %s %s", names[i], address);
		fclose(file);
	}
	return 0;
}

/* The console's driver holds every UART it finds: takes the one at I/O port "2f8" from it. */
static int do_unbind(const char *args)
{
	static const char drivers[] = "/sys/bus/pnp/drivers/serial";
	char path[512], want[32], line[128];
	struct dirent *entry;
	DIR *devices = opendir(drivers);
	int err = -1;

	if (!devices)
		return -1;
	snprintf(want, sizeof(want), "io 0x%.8s-", args);
	while (err && (entry = readdir(devices)) != NULL) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%.32s/resources", drivers, entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		while (err && fgets(line, sizeof(line), file)) {
			if (strncmp(line, want, strlen(want)) != 0)
				continue;
			snprintf(path, sizeof(path), "%s/unbind", drivers);
			err = write_file(path, entry->d_name);
		}
		fclose(file);
	}
	closedir(devices);
	return err;
}

static int do_sysrq(const char *args)
{
	return write_file("/proc/sysrq-trigger", args);
}

static int set_cpu(const char *cpu, const char *state)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%.8s/online", cpu);
	return write_file(path, state);
}

static int do_offline(const char *args)
{
	return set_cpu(args, "0");
}

static int do_online(const char *args)
{
	return set_cpu(args, "1");
}

/* "NAME CPU": processes and threads of the kernel with this name run on this CPU only. */
static int do_pin(const char *args)
{
	char name[16], path[64], comm[16];
	unsigned int cpu;
	struct dirent *entry;
	cpu_set_t set;
	DIR *proc;

	if (sscanf(args, "%15s %u", name, &cpu) != 2)
		return -1;
	proc = opendir("/proc");
	if (!proc)
		return -1;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	while ((entry = readdir(proc)) != NULL) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%.32s/comm", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%15s", comm) == 1 && !strcmp(comm, name))
			sched_setaffinity(atoi(entry->d_name), sizeof(set), &set);
		fclose(file);
	}
	closedir(proc);
	return 0;
}

/* System calls, page faults, processes, sleep: something of everything. */
static void work(void)
{
	for (;;) {
		char *area = mmap(NULL, WORK_PAGES * 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pid_t child;
		int i;

		for (i = 0; area != MAP_FAILED && i < WORK_PAGES; i++)
			area[i * 4096] = 1;
		munmap(area, WORK_PAGES * 4096);
		for (i = 0; i < 100; i++)
			syscall(SYS_getppid);
		child = fork();
		if (child == 0)
			_exit(0);
		if (child > 0)
			waitpid(child, NULL, 0);
		nap(WORK_NS);
	}
}

static int do_busy(const char *args)
{
	int n = atoi(args);

	while (workers > 0) {
		kill(worker[--workers], SIGKILL);
		waitpid(worker[workers], NULL, 0);
	}
	for (; workers < n && workers < WORKERS_MAX; workers++) {
		worker[workers] = fork();
		if (worker[workers] < 0)
			return -1;
		if (worker[workers] == 0)
			work();
	}
	return 0;
}

/* A fixed piece of work of the same kinds, timed: what an idle stub must not slow down. */
static int do_time(const char *args)
{
	int rounds = atoi(args), i;
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < rounds; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			return -1;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("time %ld us\n",
	       (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const char *args);
} commands[] = {
	{ "load", do_load },	   { "unload", do_unload },	{ "specimen", do_specimen },
	{ "trouble", do_trouble }, { "hash", do_hash },		{ "sysrq", do_sysrq },
	{ "offline", do_offline }, { "online", do_online },	{ "busy", do_busy },
	{ "time", do_time },	   { "sections", do_sections }, { "pin", do_pin },
	{ "unbind", do_unbind },   { "identity", do_identity }, { "evidence", do_evidence },
};

static void obey(char *line)
{
	char *args = line + strcspn(line, " \n");
	size_t i;

	if (*args)
		*args++ = '\0';
	args[strcspn(args, "\n")] = '\0';
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, line) != 0)
			continue;
		if (commands[i].run(args))
			printf("failed %s: %s\n", line, strerror(errno));
		else
			printf("done %s\n", line);
		return;
	}
	printf("failed %s: no such command\n", line);
}

/* --- the beginning --- */

static void die(const char *what)
{
	perror(what);
	for (;;)
		pause();
}

static void beat(void)
{
	unsigned long n;

	for (n = 1;; n++) {
		printf("alive %lu\n", n);
		nap(BEAT_NS);
	}
}

int main(void)
{
	char line[LINE_MAX_BYTES];

	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL))
		die("mount");
	load_crypto();
	if (load("/specimen.ko", ""))
		die("specimen.ko");
	signal(SIGCHLD, SIG_DFL);
	if (fork() == 0)
		beat();
	printf("cvmdbg-guest: ready\n");
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	die("the console has ended");
}
