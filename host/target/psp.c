/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Memory without registers. Where the kernel's page tables are is found by searching RAM for
 * VMCOREINFO, or told by the user; user-space addresses stay out of reach because no process's CR3
 * can be seen.
 */
#include "host/target/psp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/target/memory.h"
#include "host/target/monitor.h"

struct psp_target {
	struct target target;
	struct memory memory;
	uint64_t vmcoreinfo;
	bool running;
	bool interrupted; /* the stop to come is one we asked for */
};

static struct psp_target *to_psp(const struct target *t)
{
	return CONTAINER_OF(t, struct psp_target, target);
}

static int psp_read(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		    void *buf, size_t len)
{
	return memory_read(&to_psp(t)->memory, vcpu, space, addr, buf, len);
}

static int psp_region(struct target *t, unsigned int vcpu, uint64_t addr, struct target_region *ret)
{
	return memory_region(&to_psp(t)->memory, vcpu, addr, ret);
}

static int psp_write(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		     const void *buf, size_t len)
{
	return memory_write(&to_psp(t)->memory, vcpu, space, addr, buf, len);
}

/*
 * The save area is encrypted: registers stay invalid, gdb shows <unavailable>. But gdb refuses to
 * connect to a target without a program counter (infrun.c, handle_signal_stop: "PC register is not
 * available"), so that one is 0, where no kernel runs.
 */
static int psp_regs_read(struct target *t, unsigned int vcpu, struct x86_64_regs *ret)
{
	(void)t;
	(void)vcpu;
	x86_64_regs_clear(ret);
	x86_64_set(ret, X86_64_rip, 0);
	return 0;
}

static int psp_resume(struct target *t, const struct target_resume *how)
{
	struct psp_target *p = to_psp(t);
	struct err *err = &p->memory.err;
	unsigned int i;
	int status;

	for (i = 0; i < how->count; i++)
		if (how->actions[i] == TARGET_STEP)
			return err_set(err, ST_NOREGS,
				       "the host cannot single-step a SEV-ES guest; continue and "
				       "interrupt work");
	memory_drop(&p->memory);
	status = qmp_cont(p->memory.vm->qmp, err);
	if (status)
		return status;
	p->running = true;
	p->interrupted = false;
	return 0;
}

static int psp_interrupt(struct target *t)
{
	struct psp_target *p = to_psp(t);

	if (!p->running)
		return 0;
	p->interrupted = true;
	return qmp_stop(p->memory.vm->qmp, &p->memory.err);
}

static int psp_poll(struct target *t, struct target_stop *ret)
{
	struct psp_target *p = to_psp(t);
	enum qmp_run_state state = qmp_run_state(p->memory.vm->qmp);

	if (!p->running || state == QMP_RUNNING)
		return 0;
	p->running = false;
	if (state == QMP_ENDED)
		return err_set(&p->memory.err, ST_GONE, "QEMU has ended");
	*ret = (struct target_stop){
		.kind = TARGET_STOP_SIGNAL,
		.signal = p->interrupted ? TARGET_SIGINT : TARGET_SIGTRAP,
	};
	return 1;
}

static int psp_detach(struct target *t, bool resume)
{
	struct psp_target *p = to_psp(t);
	struct memory *m = &p->memory;
	int status = 0;

	memory_drop(m);
	if ((resume || m->journal->resume) && qmp_run_state(m->vm->qmp) == QMP_STOPPED)
		status = qmp_cont(m->vm->qmp, &m->err);
	p->running = false;
	if (!status)
		m->journal->resume = false;
	return status;
}

static unsigned int psp_vcpus(struct target *t)
{
	return to_psp(t)->memory.vm->vcpus;
}

static int psp_vcpu_name(struct target *t, unsigned int vcpu, char *buf, size_t size)
{
	(void)t;
	snprintf(buf, size, "CPU#%u [registers encrypted]", vcpu);
	return 0;
}

static int psp_monitor(struct target *t, unsigned int vcpu, const char *line, struct buf *out)
{
	return monitor_command(t, &to_psp(t)->memory, vcpu, line, out);
}

static const char *psp_explain(struct target *t)
{
	return to_psp(t)->memory.err.text;
}

static const struct target_ops psp_ops = {
	.name = "psp",
	.mem = &(const struct target_mem_ops){ .read = psp_read, .region = psp_region },
	.memw = &(const struct target_memw_ops){ .write = psp_write },
	.regs = &(const struct target_regs_ops){ .read = psp_regs_read },
	.run = &(const struct target_run_ops){ .resume = psp_resume,
					       .interrupt = psp_interrupt,
					       .poll = psp_poll,
					       .detach = psp_detach },
	.vcpus = &(const struct target_vcpus_ops){ .count = psp_vcpus, .name = psp_vcpu_name },
	.monitor = &(const struct target_monitor_ops){ .command = psp_monitor },
};

/* --- the back end --- */

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	fprintf(stderr, "\rcvmdbg: searching the guest's memory for its kernel: %3" PRIu64 "%%%s",
		total ? done * 100 / total : 100, done >= total ? "\n" : "");
}

static int find_kernel(struct psp_target *p, struct err *err)
{
	struct memory *m = &p->memory;
	int status;

	if (p->vmcoreinfo)
		status = kernel_from_vmcoreinfo(m->vm, m->psp, GPA(p->vmcoreinfo), &m->kernel, err);
	else
		status =
			kernel_from_ram(m->vm, m->psp, isatty(STDERR_FILENO) ? show_progress : NULL,
					NULL, &m->kernel, err);
	if (status)
		return status;
	p->target.text_seg = m->kernel.text;
	p->target.text_link = KERNEL_TEXT_LINK;
	p->target.va_bits = m->kernel.paging.levels == 5 ? 57 : 48;
	return 0;
}

static bool psp_fits(const struct backend_config *config)
{
	return config->vm->type == SEV_ES;
}

static void psp_destroy(struct target *t)
{
	struct psp_target *p;

	if (!t)
		return;
	p = to_psp(t);
	memory_deinit(&p->memory);
	free(p);
}

static int psp_create(const struct backend_config *config, struct target **ret, struct err *err)
{
	struct psp_target *p = calloc(1, sizeof(*p));
	int status;

	if (!p)
		return err_set(err, ST_NOMEM, "out of memory");
	p->target.ops = &psp_ops;
	p->target.explain = psp_explain;
	p->target.va_bits = 48;
	p->vmcoreinfo = config->vmcoreinfo;
	status = memory_init(&p->memory, config->vm, config->psp, config->journal, err);
	p->memory.policy = config->policy;
	if (!status && p->vmcoreinfo)
		status = find_kernel(p, err);
	if (status) {
		psp_destroy(&p->target);
		return status;
	}
	/* Searching takes long on hardware: now rather than while a client waits. */
	if (!p->vmcoreinfo)
		(void)!find_kernel(p, &p->memory.err);
	*ret = &p->target;
	return 0;
}

static int psp_attach(struct target *t, struct target_stop *ret, struct err *err)
{
	struct psp_target *p = to_psp(t);
	struct memory *m = &p->memory;
	int status = 0;

	m->err.text[0] = '\0';
	m->journal->resume = qmp_run_state(m->vm->qmp) == QMP_RUNNING;
	if (m->journal->resume)
		status = qmp_stop(m->vm->qmp, err);
	if (status)
		return status;
	memory_drop(m);
	/* Not fatal: a guest that has not booted yet has physical memory at least. */
	if (!m->kernel.paging.levels)
		(void)!find_kernel(p, &m->err);
	*ret = (struct target_stop){ .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGINT };
	return 0;
}

static int psp_fd(const struct target *t)
{
	(void)t;
	return -1;
}

const struct backend psp_backend = {
	.name = "psp",
	.fits = psp_fits,
	.create = psp_create,
	.destroy = psp_destroy,
	.attach = psp_attach,
	.fd = psp_fd,
};
