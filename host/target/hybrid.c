/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Two halves put together. The gdbstub is connected for the length of a session, since connecting
 * stops the VM; what is said about a stop is refined here, because QEMU reports every kind of
 * breakpoint and step as a plain SIGTRAP.
 */
#include "host/target/hybrid.h"

#include <stdlib.h>

#include "host/target/gdbstub.h"
#include "host/target/memory.h"
#include "host/target/monitor.h"
#include "host/target/planted.h"
#include "host/target/points.h"
#include "host/target/remote.h"
#include "host/target/scratch.h"

#define CR4_LA57 (1ull << 12)

struct hybrid {
	struct target target;
	struct memory memory;
	struct target *cpu; /* QEMU's gdbstub; NULL between sessions */
	struct points points;
	bool running;
	unsigned int stop_vcpu;
	/* Of the resume in progress: who steps, and from where. */
	bool stepping[VCPUS_MAX];
	uint64_t step_from[VCPUS_MAX];
};

static struct hybrid *to_hybrid(const struct target *t)
{
	return CONTAINER_OF(t, struct hybrid, target);
}

/* The gdbstub's explanation becomes ours. */
static int cpu_status(struct hybrid *h, int status)
{
	return status < 0 ? err_set(&h->memory.err, status, "%s", h->cpu->explain(h->cpu)) : status;
}

/* --- memory and registers --- */

static int hybrid_read(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		       void *buf, size_t len)
{
	return memory_read(&to_hybrid(t)->memory, vcpu, space, addr, buf, len);
}

static int hybrid_region(struct target *t, unsigned int vcpu, uint64_t addr,
			 struct target_region *ret)
{
	return memory_region(&to_hybrid(t)->memory, vcpu, addr, ret);
}

static int hybrid_write(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
			const void *buf, size_t len)
{
	return memory_write(&to_hybrid(t)->memory, vcpu, space, addr, buf, len);
}

static int hybrid_regs_read(struct target *t, unsigned int vcpu, struct x86_64_regs *ret)
{
	struct hybrid *h = to_hybrid(t);

	return cpu_status(h, h->cpu->ops->regs->read(h->cpu, vcpu, ret));
}

static int hybrid_regs_write(struct target *t, unsigned int vcpu, enum x86_64_reg reg,
			     const uint8_t *raw)
{
	struct hybrid *h = to_hybrid(t);

	return cpu_status(h, h->cpu->ops->regsw->write(h->cpu, vcpu, reg, raw));
}

/* --- running --- */

static int note_steps(struct hybrid *h, const enum target_action *actions, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct x86_64_regs regs;
		int status;

		h->stepping[i] = actions[i] == TARGET_STEP;
		if (!h->stepping[i])
			continue;
		status = hybrid_regs_read(&h->target, i, &regs);
		if (status)
			return status;
		h->step_from[i] = x86_64_get(&regs, X86_64_rip);
	}
	return 0;
}

static int hybrid_resume(struct target *t, const struct target_resume *how)
{
	struct hybrid *h = to_hybrid(t);
	int status = note_steps(h, how->actions, how->count);

	if (status)
		return status;
	memory_drop(&h->memory);
	status = cpu_status(h, h->cpu->ops->run->resume(h->cpu, how));
	h->running = !status;
	return status;
}

static int hybrid_interrupt(struct target *t)
{
	struct hybrid *h = to_hybrid(t);

	return cpu_status(h, h->cpu->ops->run->interrupt(h->cpu));
}

/*
 * A stop at a breakpoint's address is the breakpoint, unless a step has just led there: the
 * instruction has not been reached by running into it, and the next resume will report it.
 */
static enum target_stop_kind trap_kind(struct hybrid *h, unsigned int vcpu)
{
	struct x86_64_regs regs;
	bool stepped = h->stepping[vcpu];
	uint64_t rip;

	if (hybrid_regs_read(&h->target, vcpu, &regs))
		return TARGET_STOP_SIGNAL;
	rip = x86_64_get(&regs, X86_64_rip);
	if (!stepped || rip == h->step_from[vcpu]) {
		if (points_at(&h->points, TARGET_POINT_SW, rip))
			return TARGET_STOP_SWBREAK;
		if (points_at(&h->points, TARGET_POINT_HW, rip))
			return TARGET_STOP_HWBREAK;
	}
	return stepped ? TARGET_STOP_STEP : TARGET_STOP_SIGNAL;
}

static int hybrid_poll(struct target *t, struct target_stop *ret)
{
	struct hybrid *h = to_hybrid(t);
	struct target_stop stop;
	int status;

	if (!h->running)
		return 0;
	status = cpu_status(h, h->cpu->ops->run->poll(h->cpu, &stop));
	if (status == 0)
		return 0;
	h->running = false;
	if (status < 0)
		return status;
	if (stop.kind == TARGET_STOP_SIGNAL && stop.signal == TARGET_SIGTRAP)
		stop.kind = trap_kind(h, stop.vcpu);
	h->stop_vcpu = stop.vcpu;
	*ret = stop;
	return 1;
}

static void keep_first(int *first, int status)
{
	if (!*first)
		*first = status;
}

static int hybrid_detach(struct target *t, bool resume)
{
	struct hybrid *h = to_hybrid(t);
	struct memory *m = &h->memory;
	struct journal *journal = m->journal;
	int first = 0;

	resume |= journal->resume;
	/* Bytes are put back by the PSP, which needs the vCPUs to stand still. */
	if (h->running)
		keep_first(&first, qmp_stop(m->vm->qmp, &m->err));
	memory_drop(m);
	if (h->cpu)
		keep_first(&first, scratch_restore(m->psp, journal, h->cpu, &m->err));
	keep_first(&first, planted_undo(journal, m->pages, &m->err));
	memory_drop(m);
	if (first)
		return first; /* a guest with foreign bytes in it must not run: the keeper tries
				 again */
	if (h->cpu)
		keep_first(&first, cpu_status(h, h->cpu->ops->run->detach(h->cpu, resume)));
	h->running = false;
	m->cpu = NULL;
	remote_destroy(h->cpu);
	h->cpu = NULL;
	keep_first(&first, gdbstub_close(m->vm, journal, &m->err));
	if (resume)
		keep_first(&first, qmp_cont(m->vm->qmp, &m->err));
	if (!first)
		journal->resume = false;
	return first;
}

/* --- points --- */

/*
 * Z packets name no vCPU: the one that stopped last first, then whichever maps the address (a vCPU
 * may be in a process, or in firmware, that does not).
 */
static int hybrid_insert(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct hybrid *h = to_hybrid(t);
	unsigned int vcpus = h->cpu->ops->vcpus->count(h->cpu);
	int status = points_insert(&h->points, h->stop_vcpu, type, addr, len);
	unsigned int i;

	for (i = 0; status == ST_FAULT && i < vcpus; i++)
		if (i != h->stop_vcpu)
			status = points_insert(&h->points, i, type, addr, len);
	return status;
}

static int hybrid_remove(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	return points_remove(&to_hybrid(t)->points, type, addr, len);
}

/* --- the rest --- */

static unsigned int hybrid_vcpus(struct target *t)
{
	struct hybrid *h = to_hybrid(t);

	return h->cpu->ops->vcpus->count(h->cpu);
}

static int hybrid_vcpu_name(struct target *t, unsigned int vcpu, char *buf, size_t size)
{
	struct hybrid *h = to_hybrid(t);

	return cpu_status(h, h->cpu->ops->vcpus->name(h->cpu, vcpu, buf, size));
}

static int hybrid_monitor(struct target *t, unsigned int vcpu, const char *line, struct buf *out)
{
	return monitor_command(t, &to_hybrid(t)->memory, vcpu, line, out);
}

static const char *hybrid_explain(struct target *t)
{
	return to_hybrid(t)->memory.err.text;
}

static const struct target_ops hybrid_ops = {
	.name = "hybrid",
	.mem = &(const struct target_mem_ops){ .read = hybrid_read, .region = hybrid_region },
	.memw = &(const struct target_memw_ops){ .write = hybrid_write },
	.regs = &(const struct target_regs_ops){ .read = hybrid_regs_read },
	.regsw = &(const struct target_regsw_ops){ .write = hybrid_regs_write },
	.run = &(const struct target_run_ops){ .resume = hybrid_resume,
					       .interrupt = hybrid_interrupt,
					       .poll = hybrid_poll,
					       .detach = hybrid_detach },
	.points = &(const struct target_points_ops){ .insert = hybrid_insert,
						     .remove = hybrid_remove },
	.vcpus =
		&(const struct target_vcpus_ops){ .count = hybrid_vcpus, .name = hybrid_vcpu_name },
	.monitor = &(const struct target_monitor_ops){ .command = hybrid_monitor },
};

/* --- the back end --- */

static bool hybrid_fits(const struct backend_config *config)
{
	return config->vm->type == SEV_PLAIN;
}

static void hybrid_destroy(struct target *t)
{
	struct hybrid *h;

	if (!t)
		return;
	h = to_hybrid(t);
	remote_destroy(h->cpu);
	memory_deinit(&h->memory);
	free(h);
}

static int hybrid_create(const struct backend_config *config, struct target **ret, struct err *err)
{
	struct hybrid *h = calloc(1, sizeof(*h));
	int status;

	if (!h)
		return err_set(err, ST_NOMEM, "out of memory");
	h->target.ops = &hybrid_ops;
	h->target.explain = hybrid_explain;
	h->target.va_bits = 48;
	status = memory_init(&h->memory, config->vm, config->psp, config->journal, err);
	h->memory.policy = config->policy;
	if (status) {
		free(h);
		return status;
	}
	*ret = &h->target;
	return 0;
}

static int connect_cpu(struct hybrid *h, struct err *err)
{
	struct memory *m = &h->memory;
	struct chan *chan;
	int status = gdbstub_connect(m->vm, m->journal, &chan, err);

	if (!status)
		status = remote_create(chan, &h->cpu, err);
	if (status)
		return status;
	m->cpu = h->cpu;
	points_init(&h->points, m, h->cpu);
	return 0;
}

/* What a stop tells about the guest: where its kernel is, how wide its addresses are. */
static void look_around(struct hybrid *h)
{
	struct x86_64_regs regs;

	h->memory.kernel.text = 0;
	memory_find_kernel(&h->memory, hybrid_vcpus(&h->target));
	h->target.text_seg = h->memory.kernel.text;
	h->target.text_link = KERNEL_TEXT_LINK;
	if (!hybrid_regs_read(&h->target, 0, &regs))
		h->target.va_bits = x86_64_get(&regs, X86_64_cr4) & CR4_LA57 ? 57 : 48;
	h->memory.err.text[0] = '\0'; /* a guest that is no Linux is no failure */
}

static int hybrid_attach(struct target *t, struct target_stop *ret, struct err *err)
{
	struct hybrid *h = to_hybrid(t);
	struct memory *m = &h->memory;
	int status = 0;

	m->journal->resume = qmp_run_state(m->vm->qmp) == QMP_RUNNING;
	if (m->journal->resume)
		status = qmp_stop(m->vm->qmp, err);
	memory_drop(m);
	if (!status)
		status = connect_cpu(h, err);
	if (status) {
		(void)!hybrid_detach(t, false);
		return status;
	}
	h->stop_vcpu = 0;
	look_around(h);
	*ret = (struct target_stop){ .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGINT };
	return 0;
}

static int hybrid_fd(const struct target *t)
{
	const struct hybrid *h = to_hybrid(t);

	return h->cpu ? remote_fd(h->cpu) : -1;
}

const struct backend hybrid_backend = {
	.name = "hybrid",
	.fits = hybrid_fits,
	.create = hybrid_create,
	.destroy = hybrid_destroy,
	.attach = hybrid_attach,
	.fd = hybrid_fd,
};
