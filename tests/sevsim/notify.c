/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The supervisor: a seccomp filter that hands a few system calls to us (seccomp_unotify(2)), and
 * the threads that answer them. QEMU's filter knows only the KVM ioctl that an agent injects; the
 * agent's also covers what finds and opens the devices. Everything else runs untouched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kvm.h"
#include "psp.h"

enum { PATH_BYTES = 256 };

static const uint32_t ioctls[] = { 0xae01u, 0xae03u, 0x4068aea3u, 0xc008aebau };

static const int path_calls[] = { SCMP_SYS(open),	SCMP_SYS(openat), SCMP_SYS(readlink),
				  SCMP_SYS(readlinkat), SCMP_SYS(access), SCMP_SYS(faccessat),
				  SCMP_SYS(faccessat2) };

int notify_install(bool agent)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	size_t i;
	int status = 0, fd;

	for (i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && !status; i++)
		status = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(ioctl), 1,
					  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, ioctls[i]));
	for (i = 0; agent && i < sizeof(path_calls) / sizeof(path_calls[0]) && !status; i++)
		status = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, path_calls[i], 0);
	if (!status)
		status = seccomp_load(ctx);
	fd = status ? -1 : seccomp_notify_fd(ctx);
	if (status)
		fprintf(stderr, "sevsim: seccomp: %s\n", strerror(-status));
	seccomp_release(ctx);
	return fd;
}

/* --- answers --- */

struct answer {
	bool proceed; /* let the kernel do it */
	long value;   /* or this; negative: -errno */
	int fd;	      /* >= 0: install it, its number is the value */
};

static bool peek_path(pid_t tid, uint64_t addr, char path[PATH_BYTES])
{
	size_t got = 0;

	/* A string near the end of a mapping: page by page. */
	while (got < PATH_BYTES - 1) {
		size_t page = SIM_PAGE - (addr + got) % SIM_PAGE;
		size_t want = PATH_BYTES - 1 - got < page ? PATH_BYTES - 1 - got : page;
		struct iovec local = { path + got, want };
		struct iovec remote = { (void *)(uintptr_t)(addr + got), want };

		if (process_vm_readv(tid, &local, 1, &remote, 1, 0) != (ssize_t)want)
			return false;
		if (memchr(path + got, '\0', want))
			return true;
		got += want;
	}
	return false;
}

static bool is_device(const char *path, bool *sev)
{
	*sev = !strcmp(path, "/dev/sev");
	return *sev || !strcmp(path, "/dev/kvm");
}

static void answer_open(pid_t tid, uint64_t path_addr, struct answer *a)
{
	char path[PATH_BYTES];
	bool sev;
	int error;

	if (!peek_path(tid, path_addr, path) || !is_device(path, &sev))
		return;
	a->proceed = false;
	error = psp_step(sev ? PSP_OPEN_SEV : PSP_OPEN_KVM);
	a->value = -error;
	if (!error)
		a->fd = kvm_open(sev, tid);
}

static void answer_access(pid_t tid, uint64_t path_addr, struct answer *a)
{
	char path[PATH_BYTES];
	bool sev;

	if (!peek_path(tid, path_addr, path) || !is_device(path, &sev))
		return;
	a->proceed = false;
	a->value = 0;
}

/* Links in /proc/PID/fd that lead to a placeholder show the name it stands for. */
static void answer_readlink(pid_t tid, int dir, uint64_t path_addr, uint64_t buf, size_t size,
			    struct answer *a)
{
	static const char prefix[] = "/memfd:" KVM_PLACEHOLDER, suffix[] = " (deleted)";
	char path[PATH_BYTES], full[PATH_BYTES + 64], link[PATH_BYTES];
	struct iovec local, remote;
	ssize_t len;

	if (!peek_path(tid, path_addr, path))
		return;
	if (path[0] == '/')
		snprintf(full, sizeof(full), "%s", path);
	else if (dir == AT_FDCWD)
		return;
	else
		snprintf(full, sizeof(full), "/proc/%d/fd/%d/%s", (int)tid, dir, path);
	if (!strncmp(path, "/proc/self/", 11))
		return;
	len = readlink(full, link, sizeof(link) - 1);
	if (len < (ssize_t)(sizeof(prefix) + sizeof(suffix)) ||
	    strncmp(link, prefix, sizeof(prefix) - 1))
		return;
	len -= (ssize_t)(sizeof(prefix) - 1 + sizeof(suffix) - 1);
	if ((size_t)len > size)
		len = (ssize_t)size;
	local = (struct iovec){ link + sizeof(prefix) - 1, (size_t)len };
	remote = (struct iovec){ (void *)(uintptr_t)buf, (size_t)len };
	a->proceed = false;
	a->value = process_vm_writev(tid, &local, 1, &remote, 1, 0) == len ? len : -EFAULT;
}

static void answer_ioctl(pid_t tid, const __u64 *args, struct answer *a)
{
	long value = kvm_ioctl(tid, (int)args[0], (uint32_t)args[1], args[2], &a->fd);

	if (value == KVM_NOT_OURS)
		return;
	a->proceed = false;
	a->value = value;
}

static void decide(const struct seccomp_notif *req, struct answer *a)
{
	const __u64 *args = req->data.args;
	pid_t tid = (pid_t)req->pid;

	switch (req->data.nr) {
	case SYS_ioctl:
		answer_ioctl(tid, args, a);
		break;
	case SYS_open:
		answer_open(tid, args[0], a);
		break;
	case SYS_openat:
		answer_open(tid, args[1], a);
		break;
	case SYS_access:
		answer_access(tid, args[0], a);
		break;
	case SYS_faccessat:
	case SYS_faccessat2:
		answer_access(tid, args[1], a);
		break;
	case SYS_readlink:
		answer_readlink(tid, AT_FDCWD, args[0], args[1], args[2], a);
		break;
	case SYS_readlinkat:
		answer_readlink(tid, (int)args[0], args[1], args[2], args[3], a);
		break;
	default:
		break;
	}
}

static void respond(int listener, const struct seccomp_notif *req, const struct answer *a)
{
	struct seccomp_notif_addfd add = { .id = req->id,
					   .flags = SECCOMP_ADDFD_FLAG_SEND,
					   .srcfd = (uint32_t)a->fd,
					   .newfd_flags = O_CLOEXEC };
	struct seccomp_notif_resp resp = { .id = req->id };

	/* A target that died meanwhile makes these fail: nobody waits any more. */
	if (!a->proceed && a->fd >= 0) {
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
		return;
	}
	if (a->proceed)
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (a->value < 0)
		resp.error = (int)a->value;
	else
		resp.val = a->value;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void *serve(void *arg)
{
	int listener = (int)(intptr_t)arg;
	struct pollfd p = { .fd = listener, .events = POLLIN };

	while (poll(&p, 1, -1) >= 0 && !(p.revents & (POLLHUP | POLLERR | POLLNVAL))) {
		struct seccomp_notif req = { .id = 0 };
		struct answer a = { .proceed = true, .fd = -1 };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req)) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			break;
		}
		decide(&req, &a);
		/* What was read of a target is only good if the target is still the same process.
		 */
		if (!ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id))
			respond(listener, &req, &a);
		if (a.fd >= 0)
			close(a.fd);
	}
	close(listener);
	return NULL;
}

int notify_start(int listener)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)listener))
		return -1;
	return pthread_detach(thread);
}
