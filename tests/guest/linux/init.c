/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The only program in the Linux guest: process 1. It says on the console that it is there and where
 * VMCOREINFO lies, then reports five times a second, with the node name as the kernel tells it, so
 * that a debugger's write to init_uts_ns is seen here. A second process keeps CPU 1 in use.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
	BEAT_NS = 200000000,
	WORKER_NS = 20000000,
};

static void die(const char *what)
{
	perror(what);
	for (;;)
		pause();
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("cvmdbg-guest: sched_setaffinity");
}

static void nap(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

/* A system call that libc does not cache: __x64_sys_getppid makes a good breakpoint. */
static void worker(void)
{
	pin(1);
	for (;;) {
		syscall(SYS_getppid);
		nap(WORKER_NS);
	}
}

static void vmcoreinfo_print(void)
{
	char text[128] = "";
	FILE *file = fopen("/sys/kernel/vmcoreinfo", "re");

	if (!file || !fgets(text, sizeof(text), file))
		die("/sys/kernel/vmcoreinfo");
	fclose(file);
	printf("vmcoreinfo: %s", text);
}

static void beat(unsigned long n)
{
	struct timespec up;
	struct utsname uts;

	if (uname(&uts) || clock_gettime(CLOCK_BOOTTIME, &up))
		die("uname");
	printf("alive %lu uptime %ld.%02ld node %s\n", n, (long)up.tv_sec, up.tv_nsec / 10000000,
	       uts.nodename);
}

int main(void)
{
	static const char name[] = "guest";

	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL))
		die("mount");
	if (sethostname(name, strlen(name)))
		die("sethostname");
	vmcoreinfo_print();
	if (fork() == 0)
		worker();
	pin(0);
	printf("cvmdbg-guest: ready\n");
	for (unsigned long n = 1;; n++) {
		beat(n);
		nap(BEAT_NS);
	}
}
