/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The modules that touch a real VM, replaced by memory. The cipher adds to each byte a value that
 * depends on its address, so that plaintext read raw, or ciphertext read through the PSP, never
 * looks right.
 */
#include "tests/conformance/fake_vm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/qemu/inject.h"
#include "host/sev/kernel.h"
#include "host/target/gdbstub.h"
#include "tests/conformance/loopback.h"

enum {
	PML4 = 0x1000,
	PDPT = 0x2000,
	PD = 0x3000,
	PT = 0x4000,
	KERNEL_PDPT = 0x5000,
	KERNEL_PD = 0x6000,
	VMCOREINFO = 0x180000,
	DATA = 0x100000, /* CONFORMANCE_PAGES pages, scattered: every second one */
	TABLE_FLAGS = 0x67,
	LEAF_FLAGS = 0x63,
	LARGE_LEAF_FLAGS = 0xe3,
	STATE_RUNNING = 5,
};

#define CBIT   (1ull << FAKE_VM_CBIT)
#define MAPPED 0xffff888000010000ull

/* All of RAM is the kernel's image, so to speak: linked address KERNEL_TEXT_LINK is physical 0. */
static const char vmcoreinfo[] = "OSRELEASE=6.1.0-fake\n"
				 "PAGESIZE=4096\n"
				 "SYMBOL(init_uts_ns)=ffffffff81008000\n"
				 "SYMBOL(_stext)=ffffffff81000000\n"
				 "SYMBOL(swapper_pg_dir)=ffffffff81001000\n"
				 "SYMBOL(init_top_pgt)=ffffffff81001000\n"
				 "NUMBER(phys_base)=-16777216\n"
				 "NUMBER(pgtable_l5_enabled)=0\n"
				 "KERNELOFFSET=0\n"
				 "NUMBER(KERNEL_IMAGE_SIZE)=1073741824\n"
				 "NUMBER(sme_mask)=2251799813685248\n";

static struct fake_vm *the_vm;
static uint8_t *pristine;
static struct psp_stats stats;

static uint8_t key(uint64_t gpa)
{
	return (uint8_t)(0x5b + gpa * 7 + (gpa >> 12) * 31);
}

static void encrypt(uint8_t *to, const uint8_t *from, uint64_t gpa, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = (uint8_t)(from[i] + key(gpa + i));
}

static void decrypt(uint8_t *to, const uint8_t *from, uint64_t gpa, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = (uint8_t)(from[i] - key(gpa + i));
}

/* --- the machine --- */

static uint64_t data_gpa(unsigned int page)
{
	return DATA + 2ull * page * PAGE_BYTES;
}

static void put_table(uint8_t *ram, uint64_t table, uint64_t va, unsigned int shift, uint64_t entry)
{
	uint8_t plain[PAGE_BYTES];

	decrypt(plain, ram + table, table, PAGE_BYTES);
	put_le64(plain + (va >> shift) % 512 * 8, entry);
	encrypt(ram + table, plain, table, PAGE_BYTES);
}

static void build_kernel(struct fake_vm *f)
{
	uint8_t page[PAGE_BYTES] = { 0 };

	put_table(f->ram, PML4, KERNEL_TEXT_LINK, 39, KERNEL_PDPT | TABLE_FLAGS | CBIT);
	put_table(f->ram, KERNEL_PDPT, KERNEL_TEXT_LINK, 30, KERNEL_PD | TABLE_FLAGS | CBIT);
	put_table(f->ram, KERNEL_PD, KERNEL_TEXT_LINK, 21, LARGE_LEAF_FLAGS | CBIT);
	memcpy(page, vmcoreinfo, sizeof(vmcoreinfo));
	encrypt(f->ram + VMCOREINFO, page, VMCOREINFO, PAGE_BYTES);
}

static void build(struct fake_vm *f)
{
	static const uint8_t zero[PAGE_BYTES];
	unsigned int i;
	uint64_t at;

	for (at = 0; at < FAKE_VM_RAM_BYTES; at += PAGE_BYTES)
		encrypt(f->ram + at, zero, at, PAGE_BYTES);
	for (i = 0; i < sizeof(f->truth); i++)
		f->truth[i] = (uint8_t)(i * 13 + i / PAGE_BYTES);
	put_table(f->ram, PML4, MAPPED, 39, PDPT | TABLE_FLAGS | CBIT);
	put_table(f->ram, PDPT, MAPPED, 30, PD | TABLE_FLAGS | CBIT);
	put_table(f->ram, PD, MAPPED, 21, PT | TABLE_FLAGS | CBIT);
	for (i = 0; i < CONFORMANCE_PAGES; i++) {
		uint64_t gpa = data_gpa(i);
		const uint8_t *page = f->truth + (size_t)i * PAGE_BYTES;
		uint64_t cbit = i == 0 ? 0 : CBIT;

		put_table(f->ram, PT, MAPPED + (uint64_t)i * PAGE_BYTES, 12,
			  gpa | LEAF_FLAGS | cbit);
		if (cbit)
			encrypt(f->ram + gpa, page, gpa, PAGE_BYTES);
		else
			memcpy(f->ram + gpa, page, PAGE_BYTES);
	}
	build_kernel(f);
}

struct fake_vm *fake_vm_create(enum sev_type type)
{
	/* Shared, so that a keeper, which is another process, works on the same VM. */
	struct fake_vm *f = mmap(NULL, sizeof(*f) + FAKE_VM_RAM_BYTES, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	f->ram = (uint8_t *)(f + 1);
	build(f);
	pristine = malloc(FAKE_VM_RAM_BYTES);
	memcpy(pristine, f->ram, FAKE_VM_RAM_BYTES);
	f->vm.type = type;
	f->vm.cbit = FAKE_VM_CBIT;
	f->vm.vcpus = 2;
	f->vm.nranges = 1;
	f->vm.range[0] = (struct vm_range){ .bytes = FAKE_VM_RAM_BYTES, .name = "fake" };
	f->cr3 = PML4 | CBIT;
	f->machine = (struct conformance_machine){
		.mapped = MAPPED,
		.unmapped = MAPPED + CONFORMANCE_BYTES,
		.truth = f->truth,
	};
	the_vm = f;
	f->run_state = QMP_STOPPED;
	stats = (struct psp_stats){ 0 };
	return f;
}

void fake_vm_destroy(struct fake_vm *f)
{
	free(pristine);
	munmap(f, sizeof(*f) + FAKE_VM_RAM_BYTES);
	the_vm = NULL;
}

bool fake_vm_untouched(const struct fake_vm *f)
{
	return memcmp(f->ram, pristine, FAKE_VM_RAM_BYTES) == 0;
}

uint64_t fake_vm_commands(void)
{
	return stats.decrypt_pages + stats.encrypt_pages;
}

/* --- instead of host/sev/psp.c --- */

struct psp {
	int unused;
};

static struct psp the_psp;

const char *psp_route_name(enum psp_route route)
{
	(void)route;
	return "fake";
}

int psp_open(struct vm *vm, enum psp_route route, struct journal *journal, struct psp **ret,
	     struct err *err)
{
	(void)vm;
	(void)route;
	(void)journal;
	(void)err;
	*ret = &the_psp;
	return 0;
}

void psp_close(struct psp *psp)
{
	(void)psp;
}

const struct vm *psp_vm(const struct psp *psp)
{
	(void)psp;
	return &the_vm->vm;
}

enum psp_route psp_route(const struct psp *psp)
{
	(void)psp;
	return PSP_MIRROR;
}

const struct psp_stats *psp_stats(const struct psp *psp)
{
	(void)psp;
	return &stats;
}

uint32_t psp_policy(const struct psp *psp)
{
	(void)psp;
	return 0;
}

uint32_t psp_state(const struct psp *psp)
{
	(void)psp;
	return STATE_RUNNING;
}

static bool in_ram(gpa_t gpa, size_t len)
{
	return gpa.v < FAKE_VM_RAM_BYTES && len <= FAKE_VM_RAM_BYTES - gpa.v;
}

int psp_decrypt(struct psp *psp, gpa_t gpa, unsigned int count, void *ret, unsigned int *done,
		struct err *err)
{
	(void)psp;
	if (!in_ram(gpa, (size_t)count * PAGE_BYTES))
		return err_set(err, ST_FAULT, "not RAM");
	decrypt(ret, the_vm->ram + gpa.v, gpa.v, (size_t)count * PAGE_BYTES);
	stats.decrypt_pages += count;
	stats.requests++;
	*done = count;
	return 0;
}

int psp_encrypt(struct psp *psp, gpa_t gpa, const void *page, struct err *err)
{
	(void)psp;
	if (!in_ram(gpa, PAGE_BYTES) || gpa.v % PAGE_BYTES)
		return err_set(err, ST_FAULT, "not a page of RAM");
	encrypt(the_vm->ram + gpa.v, page, gpa.v, PAGE_BYTES);
	stats.encrypt_pages++;
	stats.requests++;
	return 0;
}

int psp_read_raw(struct psp *psp, gpa_t gpa, void *ret, size_t len, struct err *err)
{
	(void)psp;
	if (!in_ram(gpa, len))
		return err_set(err, ST_FAULT, "not RAM");
	memcpy(ret, the_vm->ram + gpa.v, len);
	return 0;
}

int psp_write_raw(struct psp *psp, gpa_t gpa, const void *data, size_t len, struct err *err)
{
	(void)psp;
	if (!in_ram(gpa, len))
		return err_set(err, ST_FAULT, "not RAM");
	memcpy(the_vm->ram + gpa.v, data, len);
	return 0;
}

const uint8_t *psp_raw_page(const struct psp *psp, gpa_t gpa)
{
	(void)psp;
	return in_ram(gpa, PAGE_BYTES) ? the_vm->ram + gpa.v / PAGE_BYTES * PAGE_BYTES : NULL;
}

/* --- instead of host/qemu/vm.c and inject.c --- */

int vm_open(const char *qmp_path, struct vm **ret, struct err *err)
{
	(void)qmp_path;
	(void)err;
	*ret = &the_vm->vm;
	return 0;
}

void vm_close(struct vm *vm)
{
	(void)vm;
}

int vm_attach(struct vm *vm, struct err *err)
{
	(void)vm;
	(void)err;
	return 0;
}

int inject_recover(struct vm *vm, struct journal *journal, struct err *err)
{
	(void)vm;
	(void)err;
	journal->inject_bytes = 0;
	return 0;
}

const struct vm_range *vm_range_find(const struct vm *vm, gpa_t gpa)
{
	return gpa.v < FAKE_VM_RAM_BYTES ? &vm->range[0] : NULL;
}

uint64_t vm_ram_bytes(const struct vm *vm)
{
	(void)vm;
	return FAKE_VM_RAM_BYTES;
}

/* --- instead of host/qemu/qmp.c --- */

const char *qmp_path(const struct qmp *qmp)
{
	(void)qmp;
	return "fake";
}

enum qmp_run_state qmp_run_state(const struct qmp *qmp)
{
	(void)qmp;
	return the_vm->run_state;
}

int qmp_inject_nmi(struct qmp *qmp, struct err *err)
{
	(void)qmp;
	return err_set(err, ST_UNSUPPORTED, "the fake has no NMIs");
}

int qmp_stop(struct qmp *qmp, struct err *err)
{
	(void)qmp;
	(void)err;
	the_vm->run_state = QMP_STOPPED;
	return 0;
}

int qmp_cont(struct qmp *qmp, struct err *err)
{
	(void)qmp;
	(void)err;
	the_vm->run_state = QMP_RUNNING;
	return 0;
}

/* --- instead of host/target/gdbstub.c --- */

int gdbstub_connect(struct vm *vm, struct journal *journal, struct chan **ret, struct err *err)
{
	(void)vm;
	(void)err;
	journal->gdbstub_used = true;
	*ret = loopback_create(the_vm->cpu);
	return 0;
}

int gdbstub_reconnect(struct vm *vm, const struct journal *journal, struct chan **ret,
		      struct err *err)
{
	(void)vm;
	(void)journal;
	(void)err;
	*ret = NULL;
	return 0;
}

int gdbstub_close(struct vm *vm, struct journal *journal, struct err *err)
{
	(void)vm;
	(void)err;
	journal->gdbstub_used = false;
	return 0;
}

void gdbstub_forget(struct journal *journal)
{
	journal->gdbstub_used = false;
}
