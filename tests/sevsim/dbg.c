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
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "cipher.h"
#include "memlock.h"
#include "psp.h"
#include "stale.h"

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

/* A page of the caller's. */
struct place {
	uint64_t gpa; /* of the guest page behind it, UINT64_MAX: none */
	bool writable;
};

static uint64_t gpa_of_file(dev_t dev, uint64_t ino, uint64_t offset)
{
	unsigned int i;

	for (i = 0; i < sim.nblocks; i++) {
		const struct sim_block *b = &sim.block[i];

		if (b->map && b->ino == ino && b->dev == dev && offset >= b->offset &&
		    offset - b->offset < b->bytes)
			return b->gpa + (offset - b->offset) / SIM_PAGE * SIM_PAGE;
	}
	return UINT64_MAX;
}

static uint64_t gpa_in_qemu(uint64_t va)
{
	unsigned int i;

	for (i = 0; i < sim.nblocks; i++)
		if (va >= sim.block[i].hva && va - sim.block[i].hva < sim.block[i].bytes)
			return sim.block[i].gpa + (va - sim.block[i].hva) / SIM_PAGE * SIM_PAGE;
	return UINT64_MAX;
}

/* By file for mapped RAM, by QEMU's HVA for the rest. */
static struct place find_place(const struct dbg_caller *caller, uint64_t va)
{
	struct place found = { .gpa = UINT64_MAX };
	char path[64], line[512], perms[8];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)caller->tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		uint64_t start, end, offset, ino;
		unsigned int major_n, minor_n;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64, &start,
			   &end, perms, &offset, &major_n, &minor_n, &ino) != 7 ||
		    va < start || va >= end)
			continue;
		found.writable = perms[1] == 'w';
		found.gpa = gpa_of_file(makedev(major_n, minor_n), ino, offset + (va - start));
		break;
	}
	if (f)
		fclose(f);
	if (caller->qemu && found.gpa == UINT64_MAX)
		found.gpa = gpa_in_qemu(va);
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

/* sev_pin_memory: the source for reading, then the destination for writing (FOLL_WRITE). */
static bool pinnable(const struct dbg_caller *caller, uint64_t src, uint64_t dst,
		     const struct place *to)
{
	uint8_t byte;

	return !peek(caller->tid, src, &byte, 1) && to->writable &&
	       !peek(caller->tid, dst, &byte, 1);
}

static bool aligned(uint64_t v)
{
	return v % BLOCK == 0;
}

static size_t in_page(uint64_t va, size_t len)
{
	return len < SIM_PAGE - va % SIM_PAGE ? len : SIM_PAGE - va % SIM_PAGE;
}

static long decrypt_piece(const struct dbg_caller *caller, uint64_t src, uint64_t dst, size_t len,
			  uint32_t *fw)
{
	bool bounced = !aligned(src) || !aligned(dst) || !aligned(len);
	uint64_t gpa = find_place(caller, src).gpa;
	uint8_t page[SIM_PAGE];
	int error;

	if (bounced)
		psp_violation(PSP_UNALIGNED);
	error = psp_issue(PSP_DBG_DECRYPT, gpa, fw);
	if (error)
		return -error;
	error = decrypt_page(caller, src, gpa, page);
	if (error)
		return error;
	/* The firmware knows one destination page; a bounce buffer is copied out by virtual
	 * address. */
	if (!bounced)
		len = in_page(dst, len);
	return poke(caller->tid, dst, page + src % SIM_PAGE, len) ? -EFAULT : 0;
}

/* Linux 6.1 and 6.12 round the destination down and the length up separately: the tail is lost. */
static size_t encrypt_length(uint64_t dst, size_t len)
{
	size_t whole = (len + BLOCK - 1) / BLOCK * BLOCK;

	if (sim.kernel == SIM_LINUX_7_3 || dst % BLOCK + len <= whole)
		return len;
	return whole - dst % BLOCK;
}

/* A destination or length that is not aligned is decrypted, changed and encrypted again. */
static long encrypt_piece(const struct dbg_caller *caller, uint64_t src, uint64_t dst, size_t len,
			  uint64_t gpa, uint32_t *fw)
{
	uint8_t page[SIM_PAGE];
	long error = 0;

	if (!aligned(src) || !aligned(dst) || !aligned(len))
		psp_violation(PSP_UNALIGNED);
	if (!sim.stopped)
		psp_violation(PSP_ENCRYPT_RUNNING);
	if (!aligned(dst) || !aligned(len)) {
		error = psp_issue(PSP_DBG_DECRYPT, gpa, fw);
		len = encrypt_length(dst, len);
	}
	if (!error)
		error = psp_issue(PSP_DBG_ENCRYPT, gpa, fw);
	if (error)
		return -error;
	len = in_page(dst, len);
	error = decrypt_page(caller, dst, gpa, page);
	if (error)
		return error;
	if (peek(caller->tid, src, page + dst % SIM_PAGE, len))
		return -EFAULT;
	if (sim.stopped || gpa == UINT64_MAX)
		return encrypt_page(caller, dst, gpa, page);
	stale_add(gpa);
	/* Running: RAM is plaintext. */
	if (ram_private(gpa))
		return poke(caller->tid, dst, page + dst % SIM_PAGE, len) ? -EFAULT : 0;
	return encrypt_page(caller, dst, gpa, page);
}

/*
 * Linux 6.1 ends a piece at the end of the source page only, so the destination may run past its
 * pinned page into the next physical one. Whose that is nobody knows; what is sure is that the
 * bytes do not arrive, and that is what the caller sees here.
 */
static size_t piece_length(const struct sev_dbg *d, uint32_t done)
{
	size_t len = in_page(d->src + done, d->len - done);

	if (in_page(d->dst + done, len) == len)
		return len;
	if (sim.kernel != SIM_LINUX_6_1)
		return in_page(d->dst + done, len);
	psp_violation(PSP_OVERRUN);
	return len;
}

static long debug_piece(const struct dbg_caller *caller, uint64_t src, uint64_t dst, size_t len,
			bool decrypt, uint32_t *fw)
{
	struct place to = find_place(caller, dst);
	long error;

	/* Before anybody looks for /dev/sev. */
	if (!pinnable(caller, src, dst, &to))
		return -ENOMEM;
	if (!caller->holds_sev)
		return -EBADF;
	if (decrypt)
		error = decrypt_piece(caller, src, dst, len, fw);
	else
		error = encrypt_piece(caller, src, dst, len, to.gpa, fw);
	if (!error)
		psp_moved(decrypt ? PSP_DBG_DECRYPT : PSP_DBG_ENCRYPT, len);
	return error;
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
	/* The limit is the same for every piece: two pages above what the VM has pinned. */
	if (!memlock_permits(caller->tid, (caller->mirror ? 0 : sim.locked_pages) + 2))
		return -ENOMEM;
	while (done < d->len && !error) {
		size_t len = piece_length(d, done);

		error = debug_piece(caller, d->src + done, d->dst + done, len, decrypt, fw);
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
	if (caller->sev && sim.type == SIM_SNP && cmd.id <= ID_LAST_LEGACY)
		return -EPERM;
	if (caller->mirror && cmd.id != ID_UPDATE_VMSA && cmd.id != ID_GUEST_STATUS &&
	    cmd.id != ID_DBG_DECRYPT && cmd.id != ID_DBG_ENCRYPT)
		return -EINVAL;
	pthread_mutex_lock(&sim.lock);
	if (cmd.id != ID_GUEST_STATUS && cmd.id != ID_DBG_DECRYPT && cmd.id != ID_DBG_ENCRYPT)
		error = -EINVAL;
	else if (!caller->sev)
		error = -ENOTTY;
	else if (cmd.id == ID_GUEST_STATUS)
		error = guest_status(caller, cmd.data, &cmd.error);
	else if (peek(caller->tid, cmd.data, &d, sizeof(d)))
		error = -EFAULT;
	else
		error = debug(caller, &d, cmd.id == ID_DBG_DECRYPT, &cmd.error);
	pthread_mutex_unlock(&sim.lock);
	if (poke(caller->tid, arg, &cmd, sizeof(cmd)))
		error = -EFAULT;
	return error;
}
