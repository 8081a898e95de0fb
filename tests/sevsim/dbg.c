/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The debug commands piece by piece: a piece ends at a page edge of the source, on newer kernels of
 * either side; each is one firmware command. Unaligned requests take the detours of the kernel
 * emulated, with their bugs.
 */
#include "dbg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "cipher.h"
#include "psp.h"

enum { ID_UPDATE_VMSA = 4, ID_GUEST_STATUS = 16, ID_DBG_DECRYPT = 17, ID_DBG_ENCRYPT = 18 };
enum { ID_LAST_LEGACY = 22, STATE_RUNNING = 3, HANDLE = 1, BLOCK = 16 };

struct sev_cmd {
	uint32_t id, pad;
	uint64_t data;
	uint32_t error, sev_fd;
};
_Static_assert(sizeof(struct sev_cmd) == 24, "struct kvm_sev_cmd");

struct sev_dbg {
	uint64_t src, dst;
	uint32_t len, pad;
};
_Static_assert(sizeof(struct sev_dbg) == 24, "struct kvm_sev_dbg");

static int peek(pid_t tid, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };

	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -1;
}

static int poke(pid_t tid, uint64_t addr, const void *buf, size_t len)
{
	struct iovec local = { (void *)(uintptr_t)buf, len };
	struct iovec remote = { (void *)(uintptr_t)addr, len };

	return process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -1;
}

/* The guest physical page behind a user address: by file for mapped RAM, by QEMU's HVA for the
 * rest. */
static uint64_t guest_page(const struct dbg_caller *caller, uint64_t va)
{
	char path[64], line[512];
	uint64_t found = UINT64_MAX;
	unsigned int i;
	FILE *f;

	for (i = 0; caller->qemu && i < sim.nblocks; i++)
		if (va >= sim.block[i].hva && va - sim.block[i].hva < sim.block[i].bytes)
			return sim.block[i].gpa + (va - sim.block[i].hva) / SIM_PAGE * SIM_PAGE;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)caller->tid);
	f = fopen(path, "re");
	while (f && found == UINT64_MAX && fgets(line, sizeof(line), f)) {
		uint64_t start, end, offset, ino;
		unsigned int major_n, minor_n;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %" SCNu64, &start,
			   &end, &offset, &major_n, &minor_n, &ino) != 6 ||
		    va < start || va >= end)
			continue;
		offset += va - start;
		for (i = 0; i < sim.nblocks; i++) {
			const struct sim_block *b = &sim.block[i];

			if (b->map && b->ino == ino && b->dev == makedev(major_n, minor_n) &&
			    offset >= b->offset && offset - b->offset < b->bytes)
				found = b->gpa + (offset - b->offset) / SIM_PAGE * SIM_PAGE;
		}
	}
	if (f)
		fclose(f);
	return found;
}

/* What the memory controller would return for the page at @va with the guest's key. */
static int decrypt_page(const struct dbg_caller *caller, uint64_t va, uint64_t gpa, uint8_t *page)
{
	struct cipher *c;

	if (peek(caller->tid, va / SIM_PAGE * SIM_PAGE, page, SIM_PAGE))
		return -ENOMEM;
	/* Running: RAM is plaintext already. A shared or foreign page "decrypts" to garbage. */
	if (!sim.stopped && gpa != UINT64_MAX && ram_private(gpa))
		return 0;
	c = cipher_create();
	cipher_decrypt(c, gpa == UINT64_MAX ? va : gpa, page, page);
	cipher_destroy(c);
	return 0;
}

static int encrypt_page(const struct dbg_caller *caller, uint64_t va, uint64_t gpa, uint8_t *page)
{
	struct cipher *c = cipher_create();

	cipher_encrypt(c, gpa == UINT64_MAX ? va : gpa, page, page);
	cipher_destroy(c);
	return poke(caller->tid, va / SIM_PAGE * SIM_PAGE, page, SIM_PAGE) ? -ENOMEM : 0;
}

/* Linux pins both pages before it asks the firmware; what cannot be pinned costs no command. */
static bool pinnable(const struct dbg_caller *caller, uint64_t src, uint64_t dst)
{
	uint8_t byte;

	return !peek(caller->tid, src, &byte, 1) && !peek(caller->tid, dst, &byte, 1);
}

static bool aligned(uint64_t v)
{
	return v % BLOCK == 0;
}

static long decrypt_piece(const struct dbg_caller *caller, uint64_t src, uint64_t dst, size_t len,
			  uint32_t *fw)
{
	uint64_t gpa = guest_page(caller, src);
	uint8_t page[SIM_PAGE];
	int error;

	if (!aligned(src) || !aligned(dst) || !aligned(len))
		psp_violation(PSP_UNALIGNED);
	error = psp_issue(PSP_DBG_DECRYPT, gpa, fw);
	if (error)
		return -error;
	error = decrypt_page(caller, src, gpa, page);
	if (error)
		return error;
	return poke(caller->tid, dst, page + src % SIM_PAGE, len) ? -ENOMEM : 0;
}

/* Linux 6.1 and 6.12 round the destination down and the length up separately: the tail is lost. */
static size_t encrypt_length(uint64_t dst, size_t len)
{
	size_t whole = (len + BLOCK - 1) / BLOCK * BLOCK;

	if (sim.kernel == SIM_LINUX_7_3 || dst % BLOCK + len <= whole)
		return len;
	return whole - dst % BLOCK;
}

static long encrypt_piece(const struct dbg_caller *caller, uint64_t src, uint64_t dst, size_t len,
			  uint32_t *fw)
{
	uint64_t gpa = guest_page(caller, dst);
	uint8_t page[SIM_PAGE];
	long error;

	if (!aligned(src) || !aligned(dst) || !aligned(len)) {
		psp_violation(PSP_UNALIGNED);
		len = encrypt_length(dst, len);
	}
	if (!sim.stopped)
		psp_violation(PSP_ENCRYPT_RUNNING);
	error = psp_issue(PSP_DBG_ENCRYPT, gpa, fw);
	if (error)
		return -error;
	error = decrypt_page(caller, dst, gpa, page);
	if (error)
		return error;
	if (peek(caller->tid, src, page + dst % SIM_PAGE, len))
		return -ENOMEM;
	/* Running: RAM is plaintext. Translated code may be stale; the violation above says so. */
	if (!sim.stopped && gpa != UINT64_MAX && ram_private(gpa))
		return poke(caller->tid, dst, page + dst % SIM_PAGE, len) ? -ENOMEM : 0;
	return encrypt_page(caller, dst, gpa, page);
}

static size_t piece_length(const struct sev_dbg *d, uint32_t done)
{
	uint64_t src = d->src + done, dst = d->dst + done;
	size_t len = d->len - done;

	if (len > SIM_PAGE - src % SIM_PAGE)
		len = SIM_PAGE - src % SIM_PAGE;
	if (len > SIM_PAGE - dst % SIM_PAGE) {
		/* Linux 6.1 looks at the source only and runs past the pinned destination page. */
		if (sim.kernel == SIM_LINUX_6_1)
			psp_violation(PSP_OVERRUN);
		len = SIM_PAGE - dst % SIM_PAGE;
	}
	return len;
}

static long debug(const struct dbg_caller *caller, const struct sev_dbg *d, bool decrypt,
		  uint32_t *fw)
{
	uint32_t done = 0;
	long error = 0;

	if (!d->len || d->src + d->len < d->src || !d->dst)
		return -EINVAL;
	if (sim.kernel == SIM_LINUX_7_3 && (!d->src || d->dst + d->len < d->dst))
		return -EINVAL;
	if (caller->qemu && sim.memlock_limit)
		return -ENOMEM;
	while (done < d->len && !error) {
		size_t len = piece_length(d, done);

		if (!caller->holds_sev)
			error = -EBADF;
		else if (!pinnable(caller, d->src + done, d->dst + done))
			error = -ENOMEM;
		else if (decrypt)
			error = decrypt_piece(caller, d->src + done, d->dst + done, len, fw);
		else
			error = encrypt_piece(caller, d->src + done, d->dst + done, len, fw);
		done += (uint32_t)len;
	}
	return error;
}

static long guest_status(const struct dbg_caller *caller, uint64_t data, uint32_t *fw)
{
	uint32_t status[3] = { HANDLE, (uint32_t)sim.policy, STATE_RUNNING };
	int error;

	if (!caller->holds_sev)
		return -EBADF;
	error = psp_issue(PSP_GUEST_STATUS, UINT64_MAX, fw);
	if (error)
		return -error;
	return poke(caller->tid, data, status, sizeof(status)) ? -EFAULT : 0;
}

long dbg_op(const struct dbg_caller *caller, uint64_t arg)
{
	struct sev_cmd cmd;
	struct sev_dbg d;
	long error;

	if (peek(caller->tid, arg, &cmd, sizeof(cmd)))
		return -EFAULT;
	if (sim.type == SIM_SNP && cmd.id <= ID_LAST_LEGACY)
		return -EPERM;
	if (caller->mirror && cmd.id != ID_UPDATE_VMSA && cmd.id != ID_GUEST_STATUS &&
	    cmd.id != ID_DBG_DECRYPT && cmd.id != ID_DBG_ENCRYPT)
		return -EINVAL;
	pthread_mutex_lock(&sim.lock);
	if (cmd.id == ID_GUEST_STATUS)
		error = guest_status(caller, cmd.data, &cmd.error);
	else if (cmd.id != ID_DBG_DECRYPT && cmd.id != ID_DBG_ENCRYPT)
		error = -EINVAL;
	else if (peek(caller->tid, cmd.data, &d, sizeof(d)))
		error = -EFAULT;
	else
		error = debug(caller, &d, cmd.id == ID_DBG_DECRYPT, &cmd.error);
	pthread_mutex_unlock(&sim.lock);
	if (poke(caller->tid, arg, &cmd, sizeof(cmd)))
		error = -EFAULT;
	return error;
}
