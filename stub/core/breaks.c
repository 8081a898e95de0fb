/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Breakpoints and watchpoints. An int3 that was taken out stays known as a ghost until its slot is
 * needed again: a CPU may have trapped on it before and look only now (newer kernels die of an
 * int3 that nobody claims). Bytes change while all CPUs are held, or one at a time.
 *
 * A function's first instruction is a five-byte NOP that ftrace rewrites and checks while the
 * machine runs. A breakpoint on it stands behind it, and reports its own address: to run a NOP
 * again changes nothing. For the same reason a step over such a NOP goes on to behind the next
 * instruction: between the two stands the int3 that was reported already.
 */
#include "stub_internal.h"

static const uint8_t patch_nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

struct stub_point *breaks_at(struct stub *s, uint64_t pc)
{
	struct stub_point *ghost = NULL;
	unsigned int i;

	for (i = 0; i < s->points; i++) {
		struct stub_point *p = &s->point[i];

		if (p->addr + p->skip != pc || !(p->used || p->ghost))
			continue;
		if (p->used)
			return p;
		ghost = p;
	}
	return ghost;
}

static struct stub_point *find(struct stub *s, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < s->points; i++)
		if (s->point[i].used && s->point[i].addr == addr)
			return &s->point[i];
	return NULL;
}

/* A slot that was never used, else the oldest ghost's. */
static struct stub_point *find_free(struct stub *s)
{
	struct stub_point *ghost = NULL;
	unsigned int i;

	for (i = 0; i < STUB_POINTS_MAX; i++) {
		struct stub_point *p = &s->point[i];

		if (!p->used && !p->ghost)
			return p;
		if (!p->used && !ghost)
			ghost = p;
	}
	return ghost;
}

static const struct x86_64_regs *stop_regs(const struct stub *s)
{
	return stub_regs(s, s->stop.vcpu);
}

static bool is_patch_nop(struct stub *s, const struct x86_64_regs *regs, uint64_t addr)
{
	uint8_t code[sizeof(patch_nop)];

	return guarded_read(s, regs, TARGET_VIRT, addr, code, sizeof(code)) == sizeof(code) &&
	       !memcmp(code, patch_nop, sizeof(code));
}

uint64_t breaks_skip_nop(struct stub *s, const struct x86_64_regs *regs, uint64_t pc)
{
	const struct stub_point *behind = breaks_at(s, pc + sizeof(patch_nop));

	if (stub_user_mode(regs) || !is_patch_nop(s, regs, pc) || (behind && behind->used))
		return pc;
	return pc + sizeof(patch_nop);
}

static const struct stub_point *planted_at(const struct stub *s, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < s->points; i++)
		if (s->point[i].used && s->point[i].gpa == gpa)
			return &s->point[i];
	return NULL;
}

/* Where the int3 for @addr goes, and what is there. */
static int prepare(struct stub *s, uint64_t addr, struct stub_point *ret)
{
	const struct x86_64_regs *regs = stop_regs(s);
	const char *why = "the address is not executable kernel memory";
	const struct stub_point *shared;
	int status;

	*ret = (struct stub_point){ .used = true, .addr = addr };
	if (regs && is_patch_nop(s, regs, addr))
		ret->skip = sizeof(patch_nop);
	status = regs ? guarded_text(s, regs, addr + ret->skip, &ret->gpa) : ST_FAULT;
	if (status == ST_POLICY)
		return status;
	if (!status)
		status = s->port->ops->text_check(s->port, addr, &why);
	if (!status && ret->skip)
		status = s->port->ops->text_check(s->port, addr + ret->skip, &why);
	if (!status)
		status = s->port->ops->phys_read(s->port, ret->gpa, &ret->byte, 1);
	if (status)
		return local_fail(s, status, why);
	/* At the NOP and at what follows it: one int3 for both. */
	shared = planted_at(s, ret->gpa);
	if (shared)
		ret->byte = shared->byte;
	if (ret->byte == INT3)
		return local_fail(s, ST_BUSY, "another debugger or a kprobe has its int3 there");
	return 0;
}

static int insert_sw(struct stub *s, uint64_t addr)
{
	struct stub_point *slot = find_free(s), point;
	const uint8_t int3 = INT3;
	int status;

	if (find(s, addr))
		return 0;
	if (!slot)
		return local_fail(s, ST_NOSPC, "all breakpoints of the stub are in use");
	status = prepare(s, addr, &point);
	if (status)
		return status;
	*slot = point;
	if (slot >= s->point + s->points)
		s->points = (unsigned int)(slot - s->point) + 1;
	status = s->port->ops->phys_write(s->port, point.gpa, &int3, 1);
	if (status)
		slot->used = false;
	return status;
}

static int remove_sw(struct stub *s, struct stub_point *p)
{
	int status = 0;

	p->used = false;
	if (!planted_at(s, p->gpa))
		status = s->port->ops->phys_write(s->port, p->gpa, &p->byte, 1);
	p->used = status;
	if (status)
		return local_fail(s, status, "the breakpoint's page cannot be written any more");
	p->ghost = true;
	return 0;
}

/* --- hardware points --- */

static bool same(const struct port_hw *hw, enum target_point type, uint64_t addr, unsigned int len)
{
	return hw->used && hw->type == type && hw->addr == addr && hw->len == len;
}

static int hw_apply(struct stub *s, unsigned int slot, const struct port_hw *hw)
{
	int status = s->port->ops->hw_set(s->port, slot, hw);

	if (!status)
		s->hw[slot] = *hw;
	return status;
}

static int insert_hw(struct stub *s, const struct port_hw *want)
{
	unsigned int i;
	int status = ST_NOSPC;

	if (!s->port->ops->hw_set)
		return local_fail(s, ST_NOSPC, s->port->ops->hw_why(s->port));
	/* x86 watches writes, or reads and writes; not reads alone. */
	if (want->type == TARGET_POINT_WATCH_READ)
		return ST_UNSUPPORTED;
	if ((want->len & (want->len - 1)) || want->len > 8 || want->addr % want->len)
		return local_fail(s, ST_INVAL, "watch 1, 2, 4 or 8 bytes at an aligned address");
	if (guarded_denied(s, stop_regs(s), want->addr))
		return ST_POLICY;
	for (i = 0; i < TARGET_HW_POINTS; i++)
		if (same(&s->hw[i], want->type, want->addr, want->len))
			return 0;
	for (i = 0; i < TARGET_HW_POINTS && status == ST_NOSPC; i++)
		if (!s->hw[i].used)
			status = hw_apply(s, i, want);
	return status == ST_NOSPC ? local_fail(s, status, "all four debug registers are in use")
				  : status;
}

static int remove_hw(struct stub *s, unsigned int slot)
{
	static const struct port_hw none = { .used = false };

	return hw_apply(s, slot, &none);
}

/* --- both --- */

int breaks_insert(struct stub *s, enum target_point type, uint64_t addr, unsigned int len)
{
	struct port_hw hw = { .used = true, .type = type, .addr = addr, .len = len };

	if (type == TARGET_POINT_SW)
		return insert_sw(s, addr);
	if (type == TARGET_POINT_HW)
		hw.len = 1; /* what x86 wants for execution */
	return insert_hw(s, &hw);
}

int breaks_remove(struct stub *s, enum target_point type, uint64_t addr, unsigned int len)
{
	struct stub_point *p = type == TARGET_POINT_SW ? find(s, addr) : NULL;
	unsigned int i;

	if (type == TARGET_POINT_SW)
		return p ? remove_sw(s, p) : 0;
	if (type == TARGET_POINT_HW)
		len = 1;
	for (i = 0; i < TARGET_HW_POINTS; i++)
		if (same(&s->hw[i], type, addr, len))
			return remove_hw(s, i);
	return 0;
}

bool stub_lift(struct stub *s, uint64_t pc)
{
	bool ours = false;
	unsigned int i;

	for (i = 0; i < STUB_POINTS_MAX; i++) {
		struct stub_point *p = &s->point[i];

		if (p->addr + p->skip != pc || !(p->used || p->ghost))
			continue;
		ours = true;
		if (!p->used)
			continue;
		if (s->port->ops->phys_write(s->port, p->gpa, &p->byte, 1))
			return false;
		p->ghost = true;
		p->used = false;
		stub_store(&s->lifted, true);
	}
	return ours;
}

void breaks_clear(struct stub *s)
{
	unsigned int i;

	for (i = 0; i < s->points; i++)
		if (s->point[i].used)
			(void)remove_sw(s, &s->point[i]);
	for (i = 0; i < TARGET_HW_POINTS; i++)
		if (s->hw[i].used)
			(void)remove_hw(s, i);
}

/* --- bytes that the debugger does not see --- */

static void hide(uint8_t byte, uint64_t at, uint64_t gpa, uint8_t *buf, size_t len)
{
	if (at - gpa < len)
		buf[at - gpa] = byte;
}

void breaks_hide(const struct stub *s, uint64_t gpa, uint8_t *buf, size_t len)
{
	unsigned int i;

	for (i = 0; i < s->points; i++)
		if (s->point[i].used)
			hide(s->point[i].byte, s->point[i].gpa, gpa, buf, len);
	if (s->step.planted)
		hide(s->step.byte, s->step.next_gpa, gpa, buf, len);
}

void breaks_keep(struct stub *s, uint64_t gpa, uint8_t *buf, size_t len)
{
	unsigned int i;

	for (i = 0; i < s->points; i++)
		if (s->point[i].used && s->point[i].gpa - gpa < len)
			s->point[i].byte = buf[s->point[i].gpa - gpa];
	for (i = 0; i < s->points; i++)
		if (s->point[i].used && s->point[i].gpa - gpa < len)
			buf[s->point[i].gpa - gpa] = INT3;
}
