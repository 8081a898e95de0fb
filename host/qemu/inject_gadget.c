/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Reads another process's memory map: where the two pieces of code are that an injection uses, and
 * where there is room. Read-only.
 */
#include "host/qemu/inject_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "host/cleanup.h"

/* syscall; ret */
static const uint8_t SYSCALL_RET[] = { 0x0f, 0x05, 0xc3 };
/* mov $15,%rax; syscall: what glibc and musl give sigaction as sa_restorer. */
static const uint8_t SIGRETURN[] = { 0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05 };

enum {
	CODE_CHUNK = 1 << 20,
	CODE_OVERLAP = sizeof(SIGRETURN) - 1, /* a pattern may straddle two chunks */
	MAP_LINE_MAX = 4352,		      /* PATH_MAX and the numbers */
};

/* The addresses a mapping may have: above the lowest 4 GiB, where nothing 32-bit looks, below 47
 * bits. */
#define SPACE_FIRST 0x100000000ull
#define SPACE_END   0x7ffffffff000ull

struct mapping {
	uint64_t first, end;
	char perms[5];
	char path[8]; /* its beginning: "" is anonymous */
};

typedef bool mapping_fn(void *arg, const struct mapping *mapping);

/* Calls @fn for each mapping in ascending order until it returns false. */
static int mappings_walk(pid_t pid, mapping_fn *fn, void *arg, struct err *err)
{
	char path[32], line[MAP_LINE_MAX];
	struct mapping m;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		return err_sys(err, "%s", path);
	while (fgets(line, sizeof(line), maps)) {
		m.path[0] = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %7s", &m.first, &m.end,
			   m.perms, m.path) >= 3 &&
		    !fn(arg, &m))
			break;
	}
	fclose(maps);
	return 0;
}

/* --- gadgets --- */

struct search {
	pid_t pid;
	uint8_t *chunk;
	struct inject_gadgets found;
};

static void search_chunk(struct search *s, uint64_t addr, size_t len)
{
	const uint8_t *hit;

	if (!s->found.syscall_ret) {
		hit = memmem(s->chunk, len, SYSCALL_RET, sizeof(SYSCALL_RET));
		if (hit)
			s->found.syscall_ret = addr + (uint64_t)(hit - s->chunk);
	}
	if (!s->found.sigreturn) {
		hit = memmem(s->chunk, len, SIGRETURN, sizeof(SIGRETURN));
		if (hit)
			s->found.sigreturn = addr + (uint64_t)(hit - s->chunk);
	}
}

/* Code from files only: what a JIT writes may be rewritten the next moment. */
static bool search_mapping(void *arg, const struct mapping *m)
{
	struct search *s = arg;
	uint64_t addr = m->first;

	if (strncmp(m->perms, "r-x", 3) != 0 || m->path[0] != '/')
		return true;
	while (addr < m->end) {
		size_t len = m->end - addr < CODE_CHUNK ? (size_t)(m->end - addr) : CODE_CHUNK;
		struct iovec local = { .iov_base = s->chunk, .iov_len = len };
		struct iovec remote = { .iov_base = (void *)(uintptr_t)addr, .iov_len = len };

		if (process_vm_readv(s->pid, &local, 1, &remote, 1, 0) != (ssize_t)len)
			break;
		search_chunk(s, addr, len);
		if (addr + len == m->end)
			break;
		addr += len - CODE_OVERLAP;
	}
	return !(s->found.syscall_ret && s->found.sigreturn);
}

int inject_gadgets_find(pid_t pid, struct inject_gadgets *ret, struct err *err)
{
	AUTO_FREE uint8_t *chunk = malloc(CODE_CHUNK);
	struct search search = { .pid = pid, .chunk = chunk };
	int status;

	if (!chunk)
		return err_set(err, ST_NOMEM, "out of memory");
	status = mappings_walk(pid, search_mapping, &search, err);
	if (status)
		return status;
	if (!search.found.syscall_ret || !search.found.sigreturn)
		return err_set(err, ST_UNSUPPORTED,
			       "QEMU's code has no %s that could be used (a C library without it?)",
			       search.found.syscall_ret ? "signal return" : "system call");
	*ret = search.found;
	return 0;
}

/* --- room --- */

struct room {
	uint64_t previous_end;
	uint64_t first, bytes; /* the largest hole */
};

static void room_between(struct room *r, uint64_t first, uint64_t end)
{
	if (end > first && end - first > r->bytes) {
		r->first = first;
		r->bytes = end - first;
	}
}

static bool room_mapping(void *arg, const struct mapping *m)
{
	struct room *r = arg;

	if (m->first < SPACE_END)
		room_between(r, r->previous_end, m->first);
	if (m->end > r->previous_end)
		r->previous_end = m->end;
	return true;
}

int inject_hole_find(pid_t pid, uint64_t bytes, uint64_t *ret, struct err *err)
{
	struct room room = { .previous_end = SPACE_FIRST };
	int status = mappings_walk(pid, room_mapping, &room, err);

	if (status)
		return status;
	room_between(&room, room.previous_end, SPACE_END);
	if (room.bytes < 2 * bytes + 2 * PAGE_BYTES)
		return err_set(err, ST_NOMEM,
			       "QEMU's address space has no room for %" PRIu64 " bytes", bytes);
	*ret = (room.first + room.bytes / 2) & ~(uint64_t)(PAGE_BYTES - 1);
	return 0;
}

struct lookup {
	uint64_t first, end;
	bool found;
};

static bool lookup_mapping(void *arg, const struct mapping *m)
{
	struct lookup *l = arg;

	l->found |= m->first == l->first && m->end == l->end && !m->path[0];
	return !l->found;
}

int inject_area_exists(pid_t pid, uint64_t addr, uint64_t bytes, bool *ret, struct err *err)
{
	struct lookup lookup = { .first = addr, .end = addr + bytes };
	int status = mappings_walk(pid, lookup_mapping, &lookup, err);

	if (!status)
		*ret = lookup.found;
	return status;
}
