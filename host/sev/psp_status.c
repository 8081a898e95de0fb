/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Texts for the errors of KVM's debug commands. The causes are read from Linux: __kvm_vm_ioctl in
 * virt/kvm/kvm_main.c, sev_mem_enc_ioctl and sev_dbg_crypt in arch/x86/kvm/svm/sev.c,
 * __sev_do_cmd_locked in drivers/crypto/ccp/sev-dev.c.
 */
#include "host/sev/psp_status.h"

#include <errno.h>
#include <string.h>

#include "host/sev/abi.h"

struct row {
	uint32_t code;
	int status;
	const char *name, *text, *advice;
};

static const struct row codes[] = {
#define X(c, n, s, t, a) { .code = c, .name = #n, .status = s, .text = t, .advice = a },
#include "host/sev/psp_status.def"
#undef X
};

/* Failures that KVM or the driver report: the firmware was not asked or did not answer. */
static const struct {
	int error;
	int status;
	const char *mirror, *inject;
} errnos[] = {
	{ EIO, ST_GONE, "KVM refuses the mirror VM: it is dead or was created by another process",
	  "KVM says that the VM is dead (after a migration inside the host?)" },
	{ EBADF, ST_IO,
	  "/dev/sev is not open at the number that QEMU launched with; restart cvmdbg",
	  "QEMU has closed the /dev/sev it launched with; use --access mirror, or relaunch" },
	{ EPERM, ST_UNSUPPORTED,
	  "KVM refuses debug commands for SEV-SNP guests; use a stub inside the guest",
	  "KVM refuses debug commands for SEV-SNP guests; use a stub inside the guest" },
	{ ENOTTY, ST_UNSUPPORTED, "SEV is disabled in kvm_amd, or the VM is not a SEV guest",
	  "SEV is disabled in kvm_amd, or the VM is not a SEV guest" },
	{ EINVAL, ST_INVAL, "KVM does not take the command", "KVM does not take the command" },
	{ ENOMEM, ST_NOMEM,
	  "the pages could not be pinned; raise RLIMIT_MEMLOCK of cvmdbg (`ulimit -l`)",
	  "the pages could not be pinned; raise QEMU's RLIMIT_MEMLOCK (`prlimit --memlock`), or "
	  "use --access mirror" },
	{ EFAULT, ST_FAULT, "the page could not be pinned: it is not mapped, or not writable",
	  "the page could not be pinned: it is not mapped, or not writable" },
	{ ETIMEDOUT, ST_TIMEOUT,
	  "the security processor does not answer; Linux has declared it dead, the host has to be "
	  "restarted",
	  "the security processor does not answer; Linux has declared it dead, the host has to be "
	  "restarted" },
	{ EBUSY, ST_BUSY,
	  "the security processor takes no commands: it timed out earlier (`dmesg | grep ccp`); "
	  "the host has to be restarted",
	  "the security processor takes no commands: it timed out earlier (`dmesg | grep ccp`); "
	  "the host has to be restarted" },
	{ ENODEV, ST_UNSUPPORTED, "the host has no driver for its security processor (ccp)",
	  "the host has no driver for its security processor (ccp)" },
};

/* EIO and a code come from the firmware; a code of zero goes with a timeout. */
static bool firmware_answered(const struct psp_answer *answer)
{
	return answer->error == EIO && answer->code && answer->code != ABI_SEV_NO_FW_CALL;
}

static int explain_code(uint32_t code, struct err *err)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == code)
			return err_set(err, codes[i].status, "PSP: %s (%u): %s%s%s", codes[i].name,
				       code, codes[i].text, codes[i].advice[0] ? "; " : "",
				       codes[i].advice);
	return err_set(err, ST_IO, "PSP: firmware error 0x%x", code);
}

int psp_status_explain(const struct psp_answer *answer, enum psp_route route, struct err *err)
{
	size_t i;

	if (firmware_answered(answer))
		return explain_code(answer->code, err);
	for (i = 0; i < ARRAY_LEN(errnos); i++)
		if (errnos[i].error == answer->error)
			return err_set(err, errnos[i].status, "PSP: %s (%s)",
				       route == PSP_MIRROR ? errnos[i].mirror : errnos[i].inject,
				       strerrorname_np(answer->error));
	return err_set(err, ST_IO, "PSP: %s", strerror(answer->error));
}

bool psp_status_is_about_page(const struct psp_answer *answer)
{
	if (firmware_answered(answer))
		return answer->code != 0x07 && answer->code != 0x08 && answer->code != 0x10;
	return answer->error == ENOMEM || answer->error == EFAULT;
}
