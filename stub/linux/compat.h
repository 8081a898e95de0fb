/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Where kernel versions differ: the only file that asks for one. Elsewhere the code is as for 6.12.
 */
#ifndef STUB_LINUX_COMPAT_H
#define STUB_LINUX_COMPAT_H

#include <linux/efi.h>
#include <linux/version.h>
/* paddr_vmcoreinfo_note (Linux commit 443cbaf9e2fd, in v6.9, has moved it). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#include <linux/vmcore_info.h>
#else
#include <linux/crash_core.h>
#endif

/*
 * Physical address of the table of memory that the guest has not accepted, EFI_INVALID_TABLE_ADDR:
 * none (Linux commit 3fd1239a783e "efi: Add unaccepted memory support", in v6.5).
 */
static inline unsigned long compat_efi_unaccepted(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return efi.unaccepted;
#else
	return EFI_INVALID_TABLE_ADDR;
#endif
}

/* Exported since v3.10, declared in the kernel's private kernel/rcu/rcu.h only. */
extern int rcu_cpu_stall_suppress;

#endif
