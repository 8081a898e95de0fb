/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The stub's server as a target, connected for the length of a session, because connecting stops
 * the guest. What the PSP reads holds the int3s that the stub has planted, which only the stub can
 * tell from the guest's own bytes: it is asked wherever one stands.
 */
#include "host/target/stub.h"

#include <stdlib.h>
#include <string.h>

#include "host/chan_break_in.h"
#include "host/target/memory.h"
#include "host/target/monitor.h"
#include "host/target/remote.h"
#include "protocol/buf.h"

#define CR4_LA57 (1ull << 12)

enum {
	STUB_INT3S_MAX = 1024,
	STUB_INT3_SPAN = 16, /* the stub may plant it behind the start of an instruction */
};

static const char host_prefix[] = "host ";
static const char host_help[] = "monitor host LINE               a command of the host's:\n";

struct stub_target {
	struct target target;
	struct memory memory; /* of the PSP; when there is none, its err is all that counts */
	const char *address;  /* see chan_connect_stub */
	struct qmp *qmp;      /* NULL: no NMIs */
	struct target *cpu;   /* the stub; NULL between sessions */
	bool running;
	unsigned int int3s;
	uint64_t int3[STUB_INT3S_MAX];
};

static struct stub_target *to_stub(const struct target *t)
{
	return CONTAINER_OF(t, struct stub_target, target);
}

/* The stub's explanation becomes ours. */
static int cpu_status(struct stub_target *s, int status)
{
	return status < 0 ? err_set(&s->memory.err, status, "%s", s->cpu->explain(s->cpu)) : status;
}

/* --- memory --- */

static void forget_pages(struct stub_target *s)
{
	if (s->memory.psp)
		memory_drop(&s->memory);
}

/* Who answers for a range: the PSP, but where the stub may have changed what is there. */
static bool by_psp(const struct stub_target *s, enum target_space space, uint64_t addr, size_t len)
{
	unsigned int i;

	if (!s->memory.psp)
		return false;
	if (space == TARGET_PHYS)
		return !s->int3s;
	for (i = 0; i < s->int3s; i++)
		if (addr - s->int3[i] < STUB_INT3_SPAN || s->int3[i] - addr < len)
			return false;
	return true;
}

/*
 * The agent's policy; the stub enforces its own. Without the PSP nobody here can tell whose page an
 * address leads to: stub_create refuses policies that deny memory then.
 */
static int allowed(struct stub_target *s, unsigned int vcpu, enum target_space space, uint64_t addr,
		   size_t len)
{
	return s->memory.psp ? memory_allowed(&s->memory, vcpu, space, addr, len) : 0;
}

static int stub_read(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		     void *buf, size_t len)
{
	struct stub_target *s = to_stub(t);

	int status;

	if (by_psp(s, space, addr, len))
		return memory_read(&s->memory, vcpu, space, addr, buf, len);
	status = allowed(s, vcpu, space, addr, len);
	if (status)
		return status;
	return cpu_status(s, s->cpu->ops->mem->read(s->cpu, vcpu, space, addr, buf, len));
}

static int stub_region(struct target *t, unsigned int vcpu, uint64_t addr,
		       struct target_region *ret)
{
	struct stub_target *s = to_stub(t);

	if (s->memory.psp)
		return memory_region(&s->memory, vcpu, addr, ret);
	return cpu_status(s, s->cpu->ops->mem->region(s->cpu, vcpu, addr, ret));
}

static int stub_write(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		      const void *buf, size_t len)
{
	struct stub_target *s = to_stub(t);
	int status;

	if (by_psp(s, space, addr, len))
		return memory_write(&s->memory, vcpu, space, addr, buf, len);
	status = allowed(s, vcpu, space, addr, len);
	if (status)
		return status;
	forget_pages(s);
	return cpu_status(s, s->cpu->ops->memw->write(s->cpu, vcpu, space, addr, buf, len));
}

/* --- registers --- */

static int stub_regs_read(struct target *t, unsigned int vcpu, struct x86_64_regs *ret)
{
	struct stub_target *s = to_stub(t);

	return cpu_status(s, s->cpu->ops->regs->read(s->cpu, vcpu, ret));
}

static int stub_regs_write(struct target *t, unsigned int vcpu, enum x86_64_reg reg,
			   const uint8_t *raw)
{
	struct stub_target *s = to_stub(t);

	return cpu_status(s, s->cpu->ops->regsw->write(s->cpu, vcpu, reg, raw));
}

/* --- running --- */

static int stub_resume(struct target *t, const struct target_resume *how)
{
	struct stub_target *s = to_stub(t);
	int status = cpu_status(s, s->cpu->ops->run->resume(s->cpu, how));

	forget_pages(s);
	s->running = !status;
	return status;
}

static int stub_interrupt(struct target *t)
{
	struct stub_target *s = to_stub(t);

	return cpu_status(s, s->cpu->ops->run->interrupt(s->cpu));
}

static int stub_poll(struct target *t, struct target_stop *ret)
{
	struct stub_target *s = to_stub(t);
	int status = cpu_status(s, s->cpu->ops->run->poll(s->cpu, ret));

	s->running &= status == 0;
	return status;
}

/*
 * The end of the session is enough: the stub then removes every point and lets all CPUs run,
 * whatever state they are in. A stopped guest is told politely first; whether it hears is no
 * matter.
 */
static int stub_detach(struct target *t, bool resume)
{
	struct stub_target *s = to_stub(t);

	(void)resume;
	if (s->cpu && !s->running)
		(void)!s->cpu->ops->run->detach(s->cpu, true);
	remote_destroy(s->cpu);
	s->cpu = s->memory.cpu = NULL;
	s->running = false;
	s->int3s = 0;
	forget_pages(s);
	return 0;
}

/* --- points --- */

static void note_int3(struct stub_target *s, uint64_t addr, bool insert)
{
	unsigned int i;

	/* What was read may hold it, or miss it. */
	forget_pages(s);
	for (i = 0; i < s->int3s; i++)
		if (s->int3[i] == addr)
			break;
	if (insert && i == s->int3s)
		s->int3[s->int3s++] = addr;
	else if (!insert && i < s->int3s)
		s->int3[i] = s->int3[--s->int3s];
}

static int stub_insert(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct stub_target *s = to_stub(t);
	int status;

	if (type == TARGET_POINT_SW && s->int3s == STUB_INT3S_MAX)
		return err_set(&s->memory.err, ST_NOSPC, "too many breakpoints");
	status = allowed(s, 0, TARGET_VIRT, addr, len);
	if (status)
		return status;
	status = cpu_status(s, s->cpu->ops->points->insert(s->cpu, type, addr, len));
	if (!status && type == TARGET_POINT_SW)
		note_int3(s, addr, true);
	return status;
}

static int stub_remove(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct stub_target *s = to_stub(t);
	int status = cpu_status(s, s->cpu->ops->points->remove(s->cpu, type, addr, len));

	if (!status && type == TARGET_POINT_SW)
		note_int3(s, addr, false);
	return status;
}

/* --- the rest --- */

static unsigned int stub_vcpus(struct target *t)
{
	struct stub_target *s = to_stub(t);

	return s->cpu->ops->vcpus->count(s->cpu);
}

static int stub_vcpu_name(struct target *t, unsigned int vcpu, char *buf, size_t size)
{
	struct stub_target *s = to_stub(t);

	return cpu_status(s, s->cpu->ops->vcpus->name(s->cpu, vcpu, buf, size));
}

static int stub_monitor(struct target *t, unsigned int vcpu, const char *line, struct buf *out)
{
	struct stub_target *s = to_stub(t);
	const struct target_monitor_ops *monitor = s->cpu->ops->monitor;
	int status;

	if (s->memory.psp && strncmp(line, host_prefix, strlen(host_prefix)) == 0)
		return monitor_command(t, &s->memory, vcpu, line + strlen(host_prefix), out);
	if (!monitor)
		return err_set(&s->memory.err, ST_UNSUPPORTED, "the stub has no monitor commands");
	status = cpu_status(s, monitor->command(s->cpu, vcpu, line, out));
	if (!status && s->memory.psp && strcmp(line, "help") == 0) {
		buf_put_text(out, host_help);
		status = monitor_command(t, &s->memory, vcpu, line, out);
	}
	return status;
}

static const char *stub_explain(struct target *t)
{
	return to_stub(t)->memory.err.text;
}

static const struct target_ops stub_ops = {
	.name = "stub",
	.mem = &(const struct target_mem_ops){ .read = stub_read, .region = stub_region },
	.memw = &(const struct target_memw_ops){ .write = stub_write },
	.regs = &(const struct target_regs_ops){ .read = stub_regs_read },
	.regsw = &(const struct target_regsw_ops){ .write = stub_regs_write },
	.run = &(const struct target_run_ops){ .resume = stub_resume,
					       .interrupt = stub_interrupt,
					       .poll = stub_poll,
					       .detach = stub_detach },
	.points = &(const struct target_points_ops){ .insert = stub_insert, .remove = stub_remove },
	.vcpus = &(const struct target_vcpus_ops){ .count = stub_vcpus, .name = stub_vcpu_name },
	.monitor = &(const struct target_monitor_ops){ .command = stub_monitor },
};

/* --- the back end --- */

static bool stub_fits(const struct backend_config *config)
{
	return config->stub;
}

static void stub_destroy(struct target *t)
{
	struct stub_target *s;

	if (!t)
		return;
	s = to_stub(t);
	remote_destroy(s->cpu);
	if (s->memory.psp)
		memory_deinit(&s->memory);
	free(s);
}

static int stub_create(const struct backend_config *config, struct target **ret, struct err *err)
{
	struct stub_target *s;
	int status = 0;

	if (!config->psp && config->policy && deny_wanted(config->policy))
		return err_set(err, ST_UNSUPPORTED,
			       "`deny mem` is kept by the stub's own policy here: the host cannot "
			       "look into the guest's page tables");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, ST_NOMEM, "out of memory");
	s->target.ops = &stub_ops;
	s->target.explain = stub_explain;
	s->target.va_bits = 48;
	s->address = config->stub;
	s->qmp = config->vm ? config->vm->qmp : NULL;
	if (config->psp)
		status = memory_init(&s->memory, config->vm, config->psp, config->journal, err);
	s->memory.policy = config->policy;
	if (status) {
		free(s);
		return status;
	}
	*ret = &s->target;
	return 0;
}

static int connect_cpu(struct stub_target *s, struct err *err)
{
	struct chan *chan;
	int status = chan_connect_stub(s->address, &chan, err);

	if (!status && s->qmp)
		status = chan_break_in(chan, s->qmp, &chan, err);
	if (status)
		return status;
	status = remote_create(chan, &s->cpu, err);
	return status ? err_add(err, status, "--stub %s", s->address) : 0;
}

static void look_around(struct stub_target *s)
{
	struct x86_64_regs regs;

	s->target.text_seg = s->cpu->text_seg;
	s->target.text_link = s->cpu->text_link;
	s->target.avx = s->cpu->avx;
	if (!stub_regs_read(&s->target, 0, &regs))
		s->target.va_bits = x86_64_get(&regs, X86_64_cr4) & CR4_LA57 ? 57 : 48;
}

static int stub_attach(struct target *t, struct target_stop *ret, struct err *err)
{
	struct stub_target *s = to_stub(t);
	int status = connect_cpu(s, err);

	if (status)
		return status;
	s->memory.err.text[0] = '\0';
	s->memory.cpu = s->cpu;
	forget_pages(s);
	look_around(s);
	*ret = *remote_found(s->cpu);
	return 0;
}

static int stub_fd(const struct target *t)
{
	const struct stub_target *s = to_stub(t);

	return s->cpu ? remote_fd(s->cpu) : -1;
}

static void stub_tick(struct target *t)
{
	const struct stub_target *s = to_stub(t);

	if (s->cpu)
		remote_tick(s->cpu);
}

const struct backend stub_backend = {
	.name = "stub",
	.fits = stub_fits,
	.create = stub_create,
	.destroy = stub_destroy,
	.attach = stub_attach,
	.fd = stub_fd,
	.tick = stub_tick,
};
