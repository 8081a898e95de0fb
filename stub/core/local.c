/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The machine that the stub runs on, as a target of the RSP server: every group is there. The
 * registers are those that the CPUs were interrupted with; CPUs that did not come have none.
 */
#include "protocol/buf.h"
#include "protocol/monitor.h"
#include "stub_internal.h"

static struct stub *to_stub(const struct target *t)
{
	return CONTAINER_OF(t, struct stub, target);
}

int local_fail(struct stub *s, int status, const char *why)
{
	struct buf b;

	memset(s->why, 0, sizeof(s->why));
	buf_init(&b, s->why, sizeof(s->why) - 1);
	buf_put_text(&b, why);
	return status;
}

static const char *local_explain(struct target *t)
{
	return to_stub(t)->why;
}

/* The tables of a CPU that did not come are not known: those of the one that stopped serve. */
static const struct x86_64_regs *tables_of(struct stub *s, unsigned int vcpu)
{
	const struct x86_64_regs *regs = stub_regs(s, vcpu);

	return regs ? regs : stub_regs(s, s->stop.vcpu);
}

/* --- memory --- */

static int local_read(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		      void *buf, size_t len)
{
	struct stub *s = to_stub(t);
	const struct x86_64_regs *regs = tables_of(s, vcpu);

	s->why[0] = '\0';
	return regs ? guarded_read(s, regs, space, addr, buf, len) : ST_NOREGS;
}

static int local_region(struct target *t, unsigned int vcpu, uint64_t addr,
			struct target_region *ret)
{
	struct stub *s = to_stub(t);
	const struct x86_64_regs *regs = tables_of(s, vcpu);

	return regs ? guarded_region(s, regs, addr, ret) : ST_NOREGS;
}

static int local_write(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		       const void *buf, size_t len)
{
	struct stub *s = to_stub(t);
	const struct x86_64_regs *regs = tables_of(s, vcpu);

	s->why[0] = '\0';
	return regs ? guarded_write(s, regs, space, addr, buf, len) : ST_NOREGS;
}

/* --- registers --- */

static int local_regs_read(struct target *t, unsigned int vcpu, struct x86_64_regs *ret)
{
	const struct x86_64_regs *regs = stub_regs(to_stub(t), vcpu);

	if (regs) {
		*ret = *regs;
		return 0;
	}
	/* gdb gives up on a thread without a pc. */
	x86_64_regs_clear(ret);
	x86_64_set(ret, X86_64_rip, 0);
	return 0;
}

/* What the way out of a trap does not restore cannot be set: it would look as if it were. */
static int local_regs_write(struct target *t, unsigned int vcpu, enum x86_64_reg reg,
			    const uint8_t *raw)
{
	struct stub *s = to_stub(t);
	struct x86_64_regs *regs = stub_regs(s, vcpu);

	if (!regs)
		return local_fail(s, ST_NOREGS, "this CPU is not stopped");
	if (x86_64_regs_desc[reg].feature >= X86_64_SEGMENTS ||
	    (reg >= X86_64_cs && reg <= X86_64_gs))
		return local_fail(s, ST_UNSUPPORTED, "the stub does not change this register");
	x86_64_set_raw(regs, reg, raw);
	return 0;
}

/* --- running --- */

static int local_resume(struct target *t, const struct target_resume *how)
{
	struct stub *s = to_stub(t);
	unsigned int i;

	for (i = 0; i < s->cpus; i++)
		stub_store(&s->cpu[i].action, i < how->count ? how->actions[i] : TARGET_CONT);
	s->resumed = true;
	s->stop_pending = false;
	return 0;
}

static int local_interrupt(struct target *t)
{
	to_stub(t)->break_wanted = true;
	return 0;
}

static int local_poll(struct target *t, struct target_stop *ret)
{
	struct stub *s = to_stub(t);

	if (!s->stop_pending)
		return 0;
	s->stop_pending = false;
	*ret = s->stop;
	return 1;
}

/* The session ends behind the reply, which takes the points out: see session.c. */
static int local_detach(struct target *t, bool resume)
{
	(void)t;
	(void)resume;
	return 0;
}

/* --- points and vCPUs --- */

static int local_insert(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct stub *s = to_stub(t);

	s->why[0] = '\0';
	return breaks_insert(s, type, addr, len);
}

static int local_remove(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	return breaks_remove(to_stub(t), type, addr, len);
}

static unsigned int local_count(struct target *t)
{
	return to_stub(t)->cpus;
}

static int local_name(struct target *t, unsigned int vcpu, char *buf, size_t size)
{
	struct stub *s = to_stub(t);
	int status = s->port->ops->cpu_name(s->port, vcpu, buf, size);
	struct buf b;

	if (status)
		return status;
	buf_init(&b, buf, size);
	while (b.pos < b.end && *b.pos)
		b.pos++;
	if (!s->port->ops->cpu_online(s->port, vcpu))
		buf_put_text(&b, " [offline]");
	else if (s->cpu[vcpu].missing && !stub_regs(s, vcpu))
		buf_put_text(&b, " [does not answer]");
	if (b.pos < b.end)
		*b.pos = '\0';
	else if (size)
		buf[size - 1] = '\0';
	return 0;
}

/* --- monitor --- */

static void show_status(struct stub *s, struct buf *out)
{
	unsigned int i, points = 0, watches = 0;

	for (i = 0; i < STUB_POINTS_MAX; i++)
		points += s->point[i].used;
	for (i = 0; i < TARGET_HW_POINTS; i++)
		watches += s->hw[i].used;
	buf_put_text(out, "session ");
	buf_put_hex(out, s->session);
	buf_put_text(out, "\nsoftware breakpoints ");
	buf_put_decimal(out, points);
	buf_put_text(out, "\nhardware points ");
	buf_put_decimal(out, watches);
	if (!s->port->ops->hw_set) {
		buf_put_text(out, " (none possible: ");
		buf_put_text(out, s->port->ops->hw_why(s->port));
		buf_put_text(out, ")");
	}
	buf_put_text(out, "\nidle timeout ");
	buf_put_decimal(out, s->config.policy->idle_s);
	buf_put_text(out, s->config.seal ? " s\nchannel sealed\n" : " s\nchannel plain\n");
}

static void show_cpus(struct stub *s, struct buf *out)
{
	char name[RSP_NAME_MAX];
	unsigned int i;

	for (i = 0; i < s->cpus; i++) {
		const struct x86_64_regs *regs = stub_regs(s, i);

		if (local_name(&s->target, i, name, sizeof(name)))
			continue;
		buf_put_text(out, name);
		if (regs && s->target.rights & RSP_RIGHT_READ_REG) {
			buf_put_text(out, " rip 0x");
			buf_put_hex(out, x86_64_get(regs, X86_64_rip));
		}
		buf_put_char(out, '\n');
	}
}

static const char help[] = "monitor help                    this list\n"
			   "monitor status                  session and points\n"
			   "monitor cpus                    who is where\n"
			   "monitor phys ADDRESS [LENGTH]   guest physical memory\n";

/* What a port shows comes from the guest's memory and registers, whatever it is. */
static bool port_command(struct stub *s, unsigned int vcpu, const char *line, struct buf *out)
{
	return !monitor_may(&s->target, RSP_RIGHT_READ_MEM, out) ||
	       !monitor_may(&s->target, RSP_RIGHT_READ_REG, out) ||
	       s->port->ops->monitor(s->port, vcpu, line, out);
}

static int local_command(struct target *t, unsigned int vcpu, const char *line, struct buf *out)
{
	struct stub *s = to_stub(t);
	const char *args = line;

	if (monitor_word(&args, "status"))
		show_status(s, out);
	else if (monitor_word(&args, "cpus"))
		show_cpus(s, out);
	else if (monitor_word(&args, "phys"))
		monitor_phys(t, vcpu, args, out);
	else {
		if (monitor_word(&args, "help"))
			buf_put_text(out, help);
		else if (s->port->ops->monitor && port_command(s, vcpu, line, out))
			return 0;
		else
			buf_put_text(out, "no such command; try monitor help\n");
		/* The port's own commands are listed by its "help". */
		if (monitor_word(&line, "help") && s->port->ops->monitor)
			(void)s->port->ops->monitor(s->port, vcpu, "help", out);
	}
	return 0;
}

static const struct target_ops local_ops = {
	.name = "stub",
	.mem = &(const struct target_mem_ops){ .read = local_read, .region = local_region },
	.memw = &(const struct target_memw_ops){ .write = local_write },
	.regs = &(const struct target_regs_ops){ .read = local_regs_read },
	.regsw = &(const struct target_regsw_ops){ .write = local_regs_write },
	.run = &(const struct target_run_ops){ .resume = local_resume,
					       .interrupt = local_interrupt,
					       .poll = local_poll,
					       .detach = local_detach },
	.points =
		&(const struct target_points_ops){ .insert = local_insert, .remove = local_remove },
	.vcpus = &(const struct target_vcpus_ops){ .count = local_count, .name = local_name },
	.monitor = &(const struct target_monitor_ops){ .command = local_command },
};

void local_init(struct stub *s)
{
	s->target.ops = &local_ops;
	s->target.explain = local_explain;
	s->target.text_seg = s->config.text_seg;
	s->target.text_link = s->config.text_link;
	s->target.va_bits = 48;
	s->target.avx = s->config.avx;
}
