/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * /dev/kvm, /dev/sev and VM file descriptors, and what their ioctls answer (Linux
 * arch/x86/kvm/svm/sev.c). Descriptors are memfds: their inode says what they stand for, whoever
 * holds them.
 */
#ifndef TESTS_SEVSIM_KVM_H
#define TESTS_SEVSIM_KVM_H

#include "sim.h"

/* Prefix of the memfds' names; the rest is the name that readlink of /proc/PID/fd/N shall show. */
#define KVM_PLACEHOLDER "sevsim:"

/* A descriptor of ours that stands for /dev/kvm or /dev/sev, opened by @tgid. */
int kvm_open(bool sev, pid_t tgid);

/*
 * An ioctl of thread @tid on its descriptor @fd. 0 or a positive result, or -errno; *made >= 0: a
 * descriptor to install in the caller as the result. KVM_NOT_OURS: not a placeholder, let the
 * kernel do it.
 */
enum { KVM_NOT_OURS = 1 << 30 };
long kvm_ioctl(pid_t tid, int fd, uint32_t request, uint64_t arg, int *made);

#endif
