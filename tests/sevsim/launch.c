/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Starting QEMU. The process that becomes QEMU opens the public QMP socket itself, since the
 * credentials an agent sees are those of the process that called listen(), and the placeholders,
 * since they shall be in its descriptor table; then it installs the filter and hands both over.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "memlock.h"
#include "sim.h"

enum { ARGS_MAX = 256 };

static int listen_public(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/qmp", sim.dir);
	unlink(sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(fd, 1))
		return -1;
	return fd;
}

static int send_fd(int sock, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -1;
}

static int receive_fd(int sock)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) == 1 && (c = CMSG_FIRSTHDR(&msg)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/*
 * How many vCPUs the arguments ask for: -smp [cpus=]N[,KEY=M]..., where a later -smp replaces only
 * the keys it names, and what is missing follows from the topology.
 */
static unsigned int count_cpus(char **argv)
{
	enum { CPUS, MAXCPUS, SOCKETS, DIES, CLUSTERS, CORES, THREADS, KEYS };
	static char *const keys[] = {
		[CPUS] = (char *)"cpus",	 [MAXCPUS] = (char *)"maxcpus",
		[SOCKETS] = (char *)"sockets",	 [DIES] = (char *)"dies",
		[CLUSTERS] = (char *)"clusters", [CORES] = (char *)"cores",
		[THREADS] = (char *)"threads",	 NULL,
	};
	unsigned int n[KEYS] = { 0 }, product = 1, i;
	char text[256], *at, *value;

	for (; *argv; argv++) {
		if ((strcmp(*argv, "-smp") && strcmp(*argv, "--smp")) || !argv[1])
			continue;
		snprintf(text, sizeof(text), "%s", argv[1]);
		for (at = text; *at;) {
			int key = getsubopt(&at, keys, &value);

			/* A value alone is the number of vCPUs. */
			if (value)
				n[key < 0 ? CPUS : key] = (unsigned int)strtoul(value, NULL, 0);
		}
	}
	for (i = SOCKETS; i <= THREADS; i++)
		product *= n[i] ? n[i] : 1;
	return n[CPUS] ? n[CPUS] : n[MAXCPUS] ? n[MAXCPUS] : product;
}

/* QEMU's own arguments, then ours. -S: the VM waits until we know it. */
static char **build_args(char **argv)
{
	static char qmp[256], gdb[256], *args[ARGS_MAX];
	char *const ours[] = { (char *)"-S", (char *)"-qmp", qmp, (char *)"-gdb", gdb };
	unsigned int n = 0, i;

	snprintf(qmp, sizeof(qmp), "unix:%s/private/qmp,server=on,wait=off", sim.dir);
	snprintf(gdb, sizeof(gdb), "unix:%s/private/gdb,server=on,wait=off", sim.dir);
	while (argv[n] && n < ARGS_MAX - sizeof(ours) / sizeof(ours[0]) - 1) {
		args[n] = argv[n];
		n++;
	}
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		args[n++] = ours[i];
	return args;
}

static void become_qemu(int sock, char **argv)
{
	sigset_t none;
	int qmp, filter;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	/* QEMU must not outlive us: nobody would decrypt its memory. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	qmp = listen_public();
	if (qmp < 0 || send_fd(sock, qmp))
		_exit(127);
	close(qmp);
	if (sim.close_sev)
		close(sim.sev_fd);
	if (sim.memlock_limit)
		memlock_obey();
	filter = notify_install(false);
	if (filter < 0 || send_fd(sock, filter))
		_exit(127);
	close(filter);
	close(sock);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int launch_qemu(char **argv, struct launched *ret)
{
	char private[256];
	int pair[2];

	sim.ncpus = count_cpus(argv);
	snprintf(private, sizeof(private), "%s/private", sim.dir);
	if ((mkdir(sim.dir, 0700) && errno != EEXIST) ||
	    (mkdir(private, 0700) && errno != EEXIST) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) || kvm_placeholders()) {
		perror("sevsim");
		return -1;
	}
	argv = build_args(argv);
	sim.qemu = fork();
	if (sim.qemu == 0)
		become_qemu(pair[1], argv);
	close(pair[1]);
	kvm_adopt(sim.qemu);
	ret->qmp = receive_fd(pair[0]);
	ret->filter = receive_fd(pair[0]);
	close(pair[0]);
	return sim.qemu > 0 && ret->qmp >= 0 && ret->filter >= 0 ? 0 : -1;
}
