/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Three sources: `info mtree -f` says what is RAM at which guest address, `gpa2hva` where the first
 * byte of each run is in QEMU (qemu.md 4: the rest of the run follows), /proc/PID/maps which file
 * backs it. Every memory backend, the implicit "pc.ram" of -m included, is in query-memdev, and its
 * RAM block bears its id (backends/hostmem.c; old machine types prefix "/objects/").
 */
#include "host/qemu/vm_ram.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "host/cleanup.h"
#include "host/qemu/mtree.h"

struct search {
	struct vm *vm;
	json_t *backends; /* query-memdev */
	struct err *err;
	/* Parallel to vm->range: offsets in their RAM blocks. */
	uint64_t offset[VM_RANGES_MAX];
};

/* --- guest addresses --- */

static bool is_backend(const json_t *backends, const char *block)
{
	static const char prefix[] = "/objects/";
	const char *id;
	json_t *backend;
	size_t i;

	if (strncmp(block, prefix, strlen(prefix)) == 0)
		block += strlen(prefix);
	json_array_foreach(backends, i, backend) {
		id = json_string_value(json_object_get(backend, "id"));
		if (id && strcmp(id, block) == 0)
			return true;
	}
	return false;
}

static int gpa2hva(struct vm *vm, uint64_t gpa, uint64_t *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char line[64];
	const char *is;
	int status;

	snprintf(line, sizeof(line), "gpa2hva 0x%" PRIx64, gpa);
	status = qmp_hmp(vm->qmp, line, &text, err);
	if (status)
		return status;
	is = strstr(text, ") is 0x");
	if (!is || sscanf(is, ") is %" SCNx64, ret) != 1)
		return err_set(err, ST_INVAL, "\"%s\": QEMU says: %.*s", line,
			       (int)strcspn(text, "\r\n"), text);
	return 0;
}

/* Whether @r continues the last range found, in the guest, the block and QEMU alike. */
static bool extends(const struct search *s, const struct mtree_range *r, uint64_t hva)
{
	const struct vm_range *last;
	unsigned int n = s->vm->nranges;

	if (!n)
		return false;
	last = &s->vm->range[n - 1];
	return last->gpa.v + last->bytes == r->first && last->hva.v + last->bytes == hva &&
	       s->offset[n - 1] + last->bytes == r->offset &&
	       strncmp(last->name, r->name, sizeof(last->name) - 1) == 0;
}

static int take_range(void *arg, const struct mtree_range *r)
{
	struct search *s = arg;
	struct vm *vm = s->vm;
	struct vm_range *range;
	uint64_t hva;
	int status;

	if (!is_backend(s->backends, r->name))
		return 0;
	status = gpa2hva(vm, r->first, &hva, s->err);
	if (status)
		return status;
	if (extends(s, r, hva)) {
		vm->range[vm->nranges - 1].bytes += r->last - r->first + 1;
		return 0;
	}
	if (vm->nranges == VM_RANGES_MAX)
		return err_set(s->err, ST_NOSPC, "the guest's RAM is in more than %d pieces",
			       VM_RANGES_MAX);
	s->offset[vm->nranges] = r->offset;
	range = &vm->range[vm->nranges++];
	*range = (struct vm_range){ .gpa = GPA(r->first),
				    .bytes = r->last - r->first + 1,
				    .hva = HVA(hva) };
	snprintf(range->name, sizeof(range->name), "%.*s", (int)sizeof(range->name) - 1, r->name);
	return 0;
}

/* --- backing files --- */

/* One line of /proc/PID/maps (proc(5)). */
struct mapping {
	uint64_t start, end, offset, inode;
	unsigned int major, minor;
	char mode[5];
};

static bool same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

/*
 * Finds the file mapping that covers all of @range, which may be several neighbours (mbind and
 * madvise split what was one). *ret is the first. False: not all of it is shared memory of one
 * file.
 */
static bool find_mapping(FILE *maps, const struct vm_range *range, struct mapping *ret)
{
	uint64_t at = range->hva.v, end = at + range->bytes;
	struct mapping m;
	char line[512];

	while (at < end && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64, &m.start,
			   &m.end, m.mode, &m.offset, &m.major, &m.minor, &m.inode) != 7 ||
		    m.end <= at)
			continue;
		if (m.start > at || m.mode[3] != 's' || !m.inode)
			return false;
		if (at == range->hva.v)
			*ret = m;
		else if (!same_file(ret, &m) || m.offset - ret->offset != m.start - ret->start)
			return false;
		at = m.end;
	}
	return at >= end;
}

/*
 * A descriptor of QEMU's for the same file: unlike /proc/PID/map_files it needs no capability. Not
 * found where maps shows another device than stat, as on btrfs.
 */
static bool find_descriptor(const struct vm *vm, const struct mapping *m, char *path, size_t size)
{
	char dir_path[32];
	struct dirent *entry;
	struct stat st;
	bool found = false;
	DIR *dir;

	snprintf(dir_path, sizeof(dir_path), "/proc/%d/fd", (int)vm->pid);
	dir = opendir(dir_path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		snprintf(path, size, "%s/%.10s", dir_path, entry->d_name);
		found = !stat(path, &st) && S_ISREG(st.st_mode) && st.st_ino == m->inode &&
			major(st.st_dev) == m->major && minor(st.st_dev) == m->minor;
	}
	closedir(dir);
	return found;
}

static void find_backing(const struct vm *vm, FILE *maps, struct vm_range *range)
{
	struct mapping m = { .inode = 0 };

	rewind(maps);
	if (!find_mapping(maps, range, &m))
		return;
	if (!find_descriptor(vm, &m, range->path, sizeof(range->path)))
		snprintf(range->path, sizeof(range->path),
			 "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)vm->pid, m.start, m.end);
	range->offset = m.offset + (range->hva.v - m.start);
	range->shared = access(range->path, R_OK) == 0;
}

static int find_backings(struct vm *vm, struct err *err)
{
	char path[32];
	unsigned int i;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)vm->pid);
	maps = fopen(path, "re");
	if (!maps)
		return err_sys(err, "%s", path);
	for (i = 0; i < vm->nranges; i++)
		find_backing(vm, maps, &vm->range[i]);
	fclose(maps);
	return 0;
}

int vm_ram_find(struct vm *vm, struct err *err)
{
	struct search s = { .vm = vm, .err = err };
	AUTO_FREE char *text = NULL;
	int status = qmp_execute(vm->qmp, "query-memdev", NULL, &s.backends, err);

	if (status)
		return status;
	status = qmp_hmp(vm->qmp, "info mtree -f", &text, err);
	if (!status)
		status = mtree_parse(text, take_range, &s, err);
	json_decref(s.backends);
	if (status)
		return err_add(err, status, "finding the guest's RAM");
	if (!vm->nranges)
		return err_set(err, ST_UNSUPPORTED,
			       "QEMU shows no RAM that belongs to a memory backend");
	return find_backings(vm, err);
}
