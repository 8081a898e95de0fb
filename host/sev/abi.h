/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The part of KVM's interface that SEV debugging needs: numbers and structures as in Linux
 * include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/kvm.h, written out here so that the build
 * does not depend on how new the headers of the build machine are.
 */
#ifndef HOST_SEV_ABI_H
#define HOST_SEV_ABI_H

#include "protocol/base.h"

#define ABI_KVM_CREATE_VM	  0xae01ul
#define ABI_KVM_ENABLE_CAP	  0x4068aea3ul
#define ABI_KVM_MEMORY_ENCRYPT_OP 0xc008aebaul

enum {
	ABI_KVM_CAP_VM_COPY_ENC_CONTEXT_FROM = 197,
};

/* struct abi_sev_cmd.id */
enum {
	ABI_SEV_GUEST_STATUS = 16,
	ABI_SEV_DBG_DECRYPT = 17,
	ABI_SEV_DBG_ENCRYPT = 18,
};

/* What .error holds when no command went to the firmware. */
#define ABI_SEV_NO_FW_CALL 0xffffffffu

/* struct kvm_sev_cmd */
struct abi_sev_cmd {
	uint32_t id;
	uint32_t pad0;
	uint64_t data;
	uint32_t error;
	uint32_t sev_fd;
};

/* struct kvm_sev_dbg */
struct abi_sev_dbg {
	uint64_t src_uaddr;
	uint64_t dst_uaddr;
	uint32_t len;
	uint32_t pad0;
};

/* struct kvm_sev_guest_status */
struct abi_sev_guest_status {
	uint32_t handle;
	uint32_t policy;
	uint32_t state;
};

/* struct kvm_enable_cap */
struct abi_enable_cap {
	uint32_t cap;
	uint32_t flags;
	uint64_t args[4];
	uint8_t pad[64];
};

static_assert(sizeof(struct abi_sev_cmd) == 24, "kvm_sev_cmd");
static_assert(offsetof(struct abi_sev_cmd, data) == 8, "kvm_sev_cmd.data");
static_assert(offsetof(struct abi_sev_cmd, error) == 16, "kvm_sev_cmd.error");
static_assert(sizeof(struct abi_sev_dbg) == 24, "kvm_sev_dbg");
static_assert(offsetof(struct abi_sev_dbg, len) == 16, "kvm_sev_dbg.len");
static_assert(sizeof(struct abi_sev_guest_status) == 12, "kvm_sev_guest_status");
static_assert(sizeof(struct abi_enable_cap) == 104, "kvm_enable_cap");
static_assert(offsetof(struct abi_enable_cap, args) == 8, "kvm_enable_cap.args");

#endif
