/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Gives a running VM the memory that a stub's ring lives in: an ivshmem-plain device on a file, by
 * hot-plug over QMP. Knows nothing about what is in the file.
 */
#ifndef HOST_QEMU_RING_DEVICE_H
#define HOST_QEMU_RING_DEVICE_H

#include "host/qemu/qmp.h"

/*
 * Plugs the device with @bytes (a power of two) of file @path, which is created for QEMU's user
 * alone if it does not exist. 1: done; 0: it was there already. ST_BUSY: it is there with another
 * file; ST_UNSUPPORTED: the machine has no free place to plug it.
 */
int ring_device_plug(struct qmp *qmp, const char *path, uint64_t bytes, struct err *err) MUST_USE;

/* Asks the guest to let go of the device and removes it. 1: done; 0: there was none. */
int ring_device_unplug(struct qmp *qmp, struct err *err) MUST_USE;

#endif
