/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The target operations as exchanges with an RSP server. While the machine runs nothing is sent but
 * the interrupt, because any byte stops a guest under QEMU (gdbstub.c, gdb_read_byte).
 */
#include "host/target/remote.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/sev/kernel.h"
#include "host/target/rsp_link.h"

enum {
	REMOTE_DETACH_MS = 1000,  /* to see the stop of a machine that was just paused */
	REMOTE_WRITE_HEADER = 36, /* "Maddr,len:" with 16 digits each */
};

static const char remote_interrupt[] = "\x03";

struct remote {
	struct target target;
	struct target_ops ops;	  /* remote_ops, and what only some servers have */
	struct target_stop found; /* why the machine stood at the beginning */
	struct rsp_link link;
	bool running;
	bool physical;	     /* m and M are physical (qqemu.PhyMemMode) */
	unsigned int hg, hc; /* vCPU last selected for g and c; UINT_MAX: unknown */
	unsigned int vcpus;
	struct x86_64_regs *regs; /* one a vCPU, valid while cached */
	bool *cached;
};

static struct remote *to_remote(const struct target *t)
{
	return CONTAINER_OF(t, struct remote, target);
}

/* --- exchanges --- */

static int check_stopped(struct remote *r)
{
	return r->running ? err_set(&r->link.err, ST_RUNNING, "gdb server: the guest is running")
			  : 0;
}

static int exchange(struct remote *r, int built)
{
	int status = check_stopped(r);

	return status ? status : rsp_link_exchange(&r->link, built);
}

static int exchange_ok(struct remote *r, int built)
{
	int status = check_stopped(r);

	return status ? status : rsp_link_command(&r->link, built);
}

static int command(struct remote *r, const char *text)
{
	return exchange_ok(r, rsp_client_request(&r->link.client, text));
}

static int select_vcpu(struct remote *r, char op, unsigned int vcpu)
{
	unsigned int *now = op == 'g' ? &r->hg : &r->hc;
	int status;

	if (*now == vcpu)
		return 0;
	status = exchange_ok(r, rsp_client_select(&r->link.client, op, vcpu));
	if (!status)
		*now = vcpu;
	return status;
}

/* --- memory --- */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int select_space(struct remote *r, enum target_space space)
{
	bool physical = space == TARGET_PHYS;
	int status;

	if (physical == r->physical)
		return 0;
	status = command(r, physical ? "Qqemu.PhyMemMode:1" : "Qqemu.PhyMemMode:0");
	if (!status)
		r->physical = physical;
	return status;
}

static int prepare_memory(struct remote *r, unsigned int vcpu, enum target_space space)
{
	int status = select_space(r, space);

	return status ? status : select_vcpu(r, 'g', vcpu);
}

static size_t page_left(uint64_t addr)
{
	return PAGE_BYTES - (size_t)(addr % PAGE_BYTES);
}

/* QEMU fails a read as a whole when one page of it fails: then the pages are tried one by one. */
static int remote_read(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		       void *buf, size_t len)
{
	struct remote *r = to_remote(t);
	/* Hex, or binary that may be all escapes behind a 'b'. */
	size_t most = (r->link.client.packet_size - r->link.client.ours) / 2;
	size_t done = 0;
	bool by_page = false;
	int n = prepare_memory(r, vcpu, space);

	if (n)
		return n;
	while (done < len) {
		size_t want = min_size(len - done, most);

		if (by_page)
			want = min_size(want, page_left(addr + done));
		n = exchange(r, rsp_client_read_mem(&r->link.client, addr + done, want));
		if (!n)
			n = rsp_client_take_mem(&r->link.client, (uint8_t *)buf + done, want);
		if (n < 0 && !r->link.gone && want > page_left(addr + done)) {
			by_page = true;
			continue;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
		if ((size_t)n < want)
			break;
	}
	if (n < 0 && !r->link.gone)
		(void)rsp_link_explain(&r->link, n);
	/* A stock server's number means nothing in particular; QEMU's E14 is EFAULT in decimal. */
	if (n == 0 || (n == ST_IO && !r->link.gone && !r->link.client.ours))
		n = ST_FAULT;
	return done || !len ? (int)done : n;
}

static int remote_region(struct target *t, unsigned int vcpu, uint64_t addr,
			 struct target_region *ret)
{
	struct remote *r = to_remote(t);
	uint8_t byte;
	int status;

	if (r->link.client.ours) {
		status = select_vcpu(r, 'g', vcpu);
		return status ? status : rsp_link_region(&r->link, addr, ret);
	}
	/* Stock servers for machines do not tell; one page at a time is honest. */
	ret->start = addr & ~(uint64_t)(PAGE_BYTES - 1);
	ret->last = ret->start + PAGE_BYTES - 1;
	ret->mapped = remote_read(t, vcpu, TARGET_VIRT, addr, &byte, 1) == 1;
	ret->write = ret->exec = ret->mapped;
	ret->user = ret->encrypted = false;
	return 0;
}

static int remote_write(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
			const void *buf, size_t len)
{
	struct remote *r = to_remote(t);
	size_t most = (r->link.client.packet_size - REMOTE_WRITE_HEADER) / 2;
	int status = prepare_memory(r, vcpu, space);
	uint64_t at;

	/* All or nothing: a page that cannot even be read will not be written. */
	for (at = addr; !status && at - addr < len; at += page_left(at)) {
		uint8_t byte;
		int n = remote_read(t, vcpu, space, at, &byte, 1);

		status = n < 0 ? n : 0;
	}
	for (at = addr; !status && at - addr < len;) {
		size_t done = (size_t)(at - addr);
		size_t want = min_size(len - done, most);

		status = exchange_ok(r, rsp_client_write_mem(&r->link.client, at,
							     (const uint8_t *)buf + done, want));
		at += want;
	}
	return status;
}

/* --- registers --- */

static int remote_regs_read(struct target *t, unsigned int vcpu, struct x86_64_regs *ret)
{
	struct remote *r = to_remote(t);
	int status;

	if (!r->cached[vcpu]) {
		status = select_vcpu(r, 'g', vcpu);
		if (!status)
			status = exchange(r, rsp_client_request(&r->link.client, "g"));
		if (!status)
			status = rsp_client_take_regs(&r->link.client, &r->regs[vcpu]);
		if (status < 0)
			return status;
		r->cached[vcpu] = true;
	}
	*ret = r->regs[vcpu];
	return 0;
}

static int remote_regs_write(struct target *t, unsigned int vcpu, enum x86_64_reg reg,
			     const uint8_t *raw)
{
	struct remote *r = to_remote(t);
	int status;

	if (r->link.client.g_number[reg] == UINT16_MAX)
		return err_set(&r->link.err, ST_UNSUPPORTED, "gdb server: it has no register %s",
			       x86_64_regs_desc[reg].name);
	status = select_vcpu(r, 'g', vcpu);
	if (!status)
		status = exchange_ok(r, rsp_client_write_reg(&r->link.client, reg, raw));
	/* The machine may mask what was written (reserved bits): ask again when it matters. */
	r->cached[vcpu] = false;
	return status;
}

/* --- running --- */

/* The server may select another vCPU at a stop (QEMU: gdb_set_stop_cpu), and registers change. */
static void forget_stop(struct remote *r)
{
	r->hg = r->hc = UINT_MAX;
	memset(r->cached, 0, r->vcpus * sizeof(r->cached[0]));
}

static int remote_resume(struct target *t, const struct target_resume *how)
{
	struct remote *r = to_remote(t);
	int status = rsp_link_request(&r->link, rsp_client_resume(&r->link.client, how));

	if (status)
		return status;
	forget_stop(r);
	r->link.console[0] = '\0';
	r->running = true;
	return 0;
}

static int remote_stop(struct target *t)
{
	struct remote *r = to_remote(t);

	return r->running && !r->link.gone ? rsp_link_send(&r->link, remote_interrupt, 1) : 0;
}

static int remote_poll(struct target *t, struct target_stop *ret)
{
	struct remote *r = to_remote(t);
	int status;

	if (!r->running)
		return 0;
	do {
		status = rsp_link_poll(&r->link);
	} while (status == 1 && rsp_link_take_console(&r->link));
	if (status == 0)
		return 0;
	r->running = false;
	if (status == 1)
		status = rsp_client_take_stop(&r->link.client, ret);
	if (status < 0)
		return status;
	r->link.gone |= ret->kind == TARGET_STOP_GONE;
	if (ret->vcpu >= r->vcpus)
		ret->vcpu = 0;
	if (r->link.console[0])
		ret->text = r->link.console;
	return 1;
}

/* The stop reply of a machine that was just paused by other means; without one nothing is lost. */
static int settle(struct remote *r)
{
	int status;

	if (!r->running)
		return 0;
	status = rsp_link_wait(&r->link, REMOTE_DETACH_MS);
	r->running = false;
	return status;
}

static int remote_detach(struct target *t, bool resume)
{
	struct remote *r = to_remote(t);
	int status;

	if (r->running)
		status = remote_stop(t);
	else
		status = 0;
	if (!status)
		status = settle(r);
	if (!status)
		status = select_space(r, TARGET_VIRT);
	/* `?` makes QEMU forget every breakpoint; D does so as well, and lets the machine run. */
	if (!status)
		status = exchange(r, rsp_client_request(&r->link.client, "?"));
	if (!status && resume)
		status = command(r, r->link.client.multiprocess ? "D;1" : "D");
	return status;
}

/* --- points --- */

static int point(struct target *t, bool insert, enum target_point type, uint64_t addr,
		 unsigned int len)
{
	struct remote *r = to_remote(t);
	int status = select_space(r, TARGET_VIRT);

	/* QEMU writes a software breakpoint through the page tables of the vCPU chosen by Hc. */
	if (!status && type == TARGET_POINT_SW)
		status = select_vcpu(r, 'c', 0);
	if (!status)
		status = exchange_ok(r, rsp_client_point(&r->link.client, insert, type, addr, len));
	return status;
}

static int remote_insert(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	return point(t, true, type, addr, len);
}

static int remote_remove(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	return point(t, false, type, addr, len);
}

/* --- vCPUs --- */

static unsigned int remote_vcpus(struct target *t)
{
	return to_remote(t)->vcpus;
}

static int remote_vcpu_name(struct target *t, unsigned int vcpu, char *buf, size_t size)
{
	struct remote *r = to_remote(t);
	char request[64];
	struct buf hex;
	size_t n = 0;
	int status;

	snprintf(request, sizeof(request), "qThreadExtraInfo,%s%x",
		 r->link.client.multiprocess ? "p1." : "", vcpu + 1);
	status = exchange(r, rsp_client_request(&r->link.client, request));
	if (status)
		return status;
	buf_init(&hex, r->link.client.frame.data, r->link.client.frame.len);
	while (n + 1 < size && buf_left(&hex) >= 2 &&
	       buf_get_hex_bytes(&hex, (uint8_t *)buf + n, 1))
		n++;
	if (size)
		buf[n] = '\0';
	return 0;
}

/* --- the rest --- */

static int remote_monitor(struct target *t, unsigned int vcpu, const char *line, struct buf *out)
{
	struct remote *r = to_remote(t);
	int status = select_vcpu(r, 'g', vcpu);

	return status ? status : rsp_link_monitor(&r->link, line, out);
}

static const char *remote_explain(struct target *t)
{
	return to_remote(t)->link.err.text;
}

static const struct target_ops remote_ops = {
	.name = "remote",
	.mem = &(const struct target_mem_ops){ .read = remote_read, .region = remote_region },
	.memw = &(const struct target_memw_ops){ .write = remote_write },
	.regs = &(const struct target_regs_ops){ .read = remote_regs_read },
	.regsw = &(const struct target_regsw_ops){ .write = remote_regs_write },
	.run = &(const struct target_run_ops){ .resume = remote_resume,
					       .interrupt = remote_stop,
					       .poll = remote_poll,
					       .detach = remote_detach },
	.points = &(const struct target_points_ops){ .insert = remote_insert,
						     .remove = remote_remove },
	.vcpus =
		&(const struct target_vcpus_ops){ .count = remote_vcpus, .name = remote_vcpu_name },
};

static const struct target_monitor_ops remote_monitor_ops = { .command = remote_monitor };

/* --- beginning and end --- */

/* Thread ids are taken to be 1, 2, 3 ...: true of QEMU (CPU index + 1) and of our own server. */
static int learn_vcpus(struct remote *r)
{
	const char *request = "qfThreadInfo";

	while (r->vcpus <= VCPUS_MAX) {
		int status = exchange(r, rsp_client_request(&r->link.client, request));
		const struct rsp_frame *reply = &r->link.client.frame;
		size_t i;

		if (status)
			return status;
		if (reply->len == 0 || reply->data[0] != 'm')
			break;
		r->vcpus++;
		for (i = 0; i < reply->len; i++)
			r->vcpus += reply->data[i] == ',';
		request = "qsThreadInfo";
	}
	if (r->vcpus == 0)
		r->vcpus = 1;
	if (r->vcpus > VCPUS_MAX)
		return err_set(&r->link.err, ST_RANGE, "gdb server: more than %d vCPUs", VCPUS_MAX);
	r->regs = calloc(r->vcpus, sizeof(r->regs[0]));
	r->cached = calloc(r->vcpus, sizeof(r->cached[0]));
	return r->regs && r->cached ? 0 : err_set(&r->link.err, ST_NOMEM, "out of memory");
}

/* What only a server of ours is asked for: QEMU's monitor is more than a debugger should reach. */
static int learn_ours(struct remote *r)
{
	int status;

	r->target.avx = r->link.client.g_number[X86_64_ymm0h] != UINT16_MAX;
	if (!r->link.client.ours)
		return 0;
	r->ops.monitor = &remote_monitor_ops;
	r->target.text_link = KERNEL_TEXT_LINK;
	status = rsp_link_text_seg(&r->link, KERNEL_TEXT_LINK, &r->target.text_seg);
	return status == ST_UNSUPPORTED ? 0 : status;
}

int remote_create(struct chan *chan, struct target **ret, struct err *err)
{
	struct remote *r = calloc(1, sizeof(*r));
	int status;

	if (!r) {
		chan_destroy(chan);
		return err_set(err, ST_NOMEM, "out of memory");
	}
	r->ops = remote_ops;
	r->target.ops = &r->ops;
	r->target.va_bits = 48;
	r->target.explain = remote_explain;
	r->hg = r->hc = UINT_MAX;
	status = rsp_link_init(&r->link, chan);
	if (!status)
		status = rsp_link_learn(&r->link, &r->found);
	if (!status)
		status = learn_ours(r);
	if (!status)
		status = learn_vcpus(r);
	if (status) {
		err_set(err, status, "%s",
			r->link.err.text[0] ? r->link.err.text : status_text(status));
		remote_destroy(&r->target);
		return status;
	}
	*ret = &r->target;
	return 0;
}

void remote_destroy(struct target *t)
{
	struct remote *r;

	if (!t)
		return;
	r = to_remote(t);
	rsp_link_deinit(&r->link);
	free(r->regs);
	free(r->cached);
	free(r);
}

const struct target_stop *remote_found(const struct target *t)
{
	return &to_remote(t)->found;
}

int remote_fd(const struct target *t)
{
	return to_remote(t)->link.chan->rfd;
}

void remote_tick(const struct target *t)
{
	chan_tick(to_remote(t)->link.chan);
}
