/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which means serves which point. A debug register can serve several points that ask for the same
 * thing (gdb may place a software and a hardware breakpoint at one address; QEMU refuses doubles).
 */
#include "host/target/points.h"

#include <inttypes.h>

#include "host/target/planted.h"
#include "host/target/scratch.h"

void points_init(struct points *points, struct memory *memory, struct target *cpu)
{
	*points = (struct points){ .memory = memory, .cpu = cpu };
}

static struct point *find(struct points *points, enum target_point type, uint64_t addr,
			  unsigned int len)
{
	unsigned int i;

	for (i = 0; i < POINTS_MAX; i++) {
		struct point *p = &points->point[i];

		if (p->used && p->type == type && p->addr == addr && p->len == len)
			return p;
	}
	return NULL;
}

static struct point *find_free(struct points *points)
{
	unsigned int i;

	for (i = 0; i < POINTS_MAX; i++)
		if (!points->point[i].used)
			return &points->point[i];
	return NULL;
}

/* --- debug registers --- */

/*
 * What QEMU is asked for: both kinds of breakpoints are executions of one byte to a debug register.
 */
static enum target_point slot_type(const struct point *p)
{
	return p->type == TARGET_POINT_SW ? TARGET_POINT_HW : p->type;
}

static unsigned int slot_len(const struct point *p)
{
	return slot_type(p) == TARGET_POINT_HW ? 1 : p->len;
}

static bool same_slot(const struct point *a, const struct point *b)
{
	return a->addr == b->addr && slot_type(a) == slot_type(b) && slot_len(a) == slot_len(b);
}

/* The first other point that the same debug register serves. */
static const struct point *slot_partner(const struct points *points, const struct point *p)
{
	unsigned int i;

	for (i = 0; i < POINTS_MAX; i++) {
		const struct point *other = &points->point[i];

		if (other != p && other->used && other->means == POINT_SLOT && same_slot(other, p))
			return other;
	}
	return NULL;
}

static unsigned int slots_used(const struct points *points)
{
	unsigned int i, n = 0;

	for (i = 0; i < POINTS_MAX; i++) {
		const struct point *p = &points->point[i];
		const struct point *partner;

		if (!p->used || p->means != POINT_SLOT)
			continue;
		partner = slot_partner(points, p);
		n += !partner || p < partner; /* count a shared slot once, at its first point */
	}
	return n;
}

static int cpu_error(struct points *points, int status, const char *what, uint64_t addr)
{
	return err_set(&points->memory->err, status, "%s 0x%" PRIx64 ": %s", what, addr,
		       points->cpu->explain(points->cpu));
}

static int take_slot(struct points *points, struct point *p)
{
	int status = 0;

	if (!slot_partner(points, p))
		status = points->cpu->ops->points->insert(points->cpu, slot_type(p), p->addr,
							  slot_len(p));
	if (status)
		return cpu_error(points, status, "debug register for", p->addr);
	p->means = POINT_SLOT;
	p->used = true;
	return 0;
}

static int free_slot(struct points *points, const struct point *p)
{
	int status = 0;

	if (!slot_partner(points, p))
		status = points->cpu->ops->points->remove(points->cpu, slot_type(p), p->addr,
							  slot_len(p));
	return status ? cpu_error(points, status, "debug register for", p->addr) : 0;
}

/* --- planted bytes --- */

static int make_known(struct points *points, uint64_t addr)
{
	struct memory *m = points->memory;
	unsigned int i;
	int status;

	for (i = 0; i < points->nknown; i++)
		if (points->known[i] == addr)
			return 0;
	if (points->nknown == POINTS_MAX)
		return err_set(&m->err, ST_NOSPC, "too many different breakpoint addresses");
	status = scratch_register(m->vm, m->psp, m->journal, points->cpu, addr, &m->err);
	if (status)
		return err_add(&m->err, status,
			       "breakpoint 0x%" PRIx64 " beyond the %d debug registers", addr,
			       TARGET_HW_POINTS);
	points->known[points->nknown++] = addr;
	return 0;
}

static int plant(struct points *points, unsigned int vcpu, struct point *p)
{
	struct memory *m = points->memory;
	struct paging_leaf leaf;
	int status = memory_translate(m, vcpu, GVA(p->addr), &leaf);

	if (!status)
		status = make_known(points, p->addr);
	if (!status)
		status = planted_insert(m->journal, m->pages, leaf.gpa, leaf.encrypted, &m->err);
	if (status)
		return status;
	p->gpa = leaf.gpa;
	p->means = POINT_PLANTED;
	p->used = true;
	return 0;
}

/* Another virtual address may lead to the same byte: the last one takes it out. */
static int take_out(struct points *points, const struct point *p)
{
	struct memory *m = points->memory;
	unsigned int i;

	for (i = 0; i < POINTS_MAX; i++) {
		const struct point *other = &points->point[i];

		if (other != p && other->used && other->means == POINT_PLANTED &&
		    other->gpa.v == p->gpa.v)
			return 0;
	}
	return planted_remove(m->journal, m->pages, p->gpa, &m->err);
}

/* Moves one software breakpoint from its debug register to a planted byte. */
static int make_room(struct points *points, unsigned int vcpu)
{
	unsigned int i;

	for (i = 0; i < POINTS_MAX; i++) {
		struct point *p = &points->point[i];
		struct point planted = *p;
		int status;

		if (!p->used || p->type != TARGET_POINT_SW || p->means != POINT_SLOT ||
		    slot_partner(points, p))
			continue; /* nothing to gain here */
		status = plant(points, vcpu, &planted);
		if (status)
			return status;
		status = free_slot(points, p);
		if (status) {
			(void)!take_out(points, &planted);
			return status;
		}
		*p = planted;
		return 0;
	}
	return err_set(&points->memory->err, ST_NOSPC,
		       "all %d debug registers are in use (hbreak, watch, awatch)",
		       TARGET_HW_POINTS);
}

/* --- the operations --- */

int points_insert(struct points *points, unsigned int vcpu, enum target_point type, uint64_t addr,
		  unsigned int len)
{
	struct point *p;
	int status = 0;
	bool full;

	if (type == TARGET_POINT_WATCH_READ)
		return err_set(&points->memory->err, ST_UNSUPPORTED,
			       "x86 has no read-only watchpoints: use awatch");
	if (find(points, type, addr, len))
		return 0;
	status = memory_allowed(points->memory, vcpu, TARGET_VIRT, addr, len);
	if (status)
		return status;
	p = find_free(points);
	if (!p)
		return err_set(&points->memory->err, ST_NOSPC, "%d breakpoints are set already",
			       POINTS_MAX);
	*p = (struct point){ .type = type, .addr = addr, .len = len };
	full = slots_used(points) >= TARGET_HW_POINTS && !slot_partner(points, p);
	if (full && type == TARGET_POINT_SW)
		return plant(points, vcpu, p);
	if (full)
		status = make_room(points, vcpu);
	return status ? status : take_slot(points, p);
}

int points_remove(struct points *points, enum target_point type, uint64_t addr, unsigned int len)
{
	struct point *p = find(points, type, addr, len);
	int status;

	if (!p)
		return 0;
	status = p->means == POINT_SLOT ? free_slot(points, p) : take_out(points, p);
	if (!status)
		p->used = false;
	return status;
}

bool points_at(const struct points *points, enum target_point type, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < POINTS_MAX; i++) {
		const struct point *p = &points->point[i];

		if (p->used && p->type == type && p->addr == addr)
			return true;
	}
	return false;
}
